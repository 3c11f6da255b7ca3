import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { causePages } from './cause-pages.ts';

t.test('docs/causes is what the table says: npm run docs:causes', async (t) => {
  const pages = causePages();
  t.same(readdirSync('docs/causes').sort(), [...pages.keys()].sort());
  for (const [name, text] of pages) t.equal(readFileSync(`docs/causes/${name}`, 'utf8'), text, name);
});
