// Every line of lines.ts by unshare(1) and by ns-run, as whoever runs this.
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { compareAll } from './comparing.ts';
import { LINES } from './lines.ts';

t.setTimeout(240_000);

await compareAll(
  {
    tool: 'unshare',
    name: 'ns-run',
    ours: [process.execPath, fileURLToPath(new URL('../../published/ns-run.js', import.meta.url))],
    takesUser: /^-[a-zA-Z]*[rcU]|^--(?:user|map)/,
  },
  LINES,
);
