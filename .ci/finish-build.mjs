// After tsc: removes from dist what no longer has a source, and makes of the modules what is published: a few files, which
// load three times as fast as a module each.
// Several builds may run at once: a file goes only when its source is not there, and one that is gone already is no error.
import { chmodSync, existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { basename } from 'node:path';
import { build } from 'esbuild';

const OUTPUT = /^dist\/(.*?)(?:\.d)?\.[mc]?[jt]s(?:\.map)?$/;

const hasSource = (path) => {
  const name = OUTPUT.exec(path)?.[1];
  return name === undefined || existsSync(`${name}.ts`);
};

const prune = (dir) => {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = `${dir}/${entry.name}`;
    if (entry.isDirectory()) prune(path);
    else if (!hasSource(path)) rmSync(path, { force: true });
  }
  if (existsSync(dir.slice('dist/'.length))) return;
  try {
    rmdirSync(dir);
  } catch {
    // Not empty, or gone.
  }
};

const PUBLISHED = 'dist/published';

for (const entry of readdirSync('dist', { withFileTypes: true })) {
  const dir = `dist/${entry.name}`;
  if (entry.isDirectory() && dir !== PUBLISHED) prune(dir);
}

const { bin } = JSON.parse(readFileSync('package.json', 'utf8'));
const programs = Object.keys(bin);

// All lie side by side: what is named relative to a module is found relative to any of them.
const { metafile } = await build({
  entryPoints: {
    index: 'dist/lib/index.js',
    bench: 'dist/bench/library.js',
    preload: 'dist/lib/thread/preload.js',
    worker: 'dist/bench/scaling/worker.js',
    ...Object.fromEntries(programs.map((name) => [name, `dist/cli/${name}.js`])),
  },
  outdir: PUBLISHED,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  metafile: true,
  logLevel: 'warning',
});
const written = new Set(Object.keys(metafile.outputs).map((path) => basename(path)));
for (const name of readdirSync(PUBLISHED)) if (!written.has(name)) rmSync(`${PUBLISHED}/${name}`, { force: true });

for (const name of programs) for (const dir of ['dist/cli', PUBLISHED]) chmodSync(`${dir}/${name}.js`, 0o755);
