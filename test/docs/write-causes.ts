// Writes docs/causes from the table of causes: npm run docs:causes
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { causePages } from './cause-pages.ts';

rmSync('docs/causes', { recursive: true, force: true });
mkdirSync('docs/causes', { recursive: true });
for (const [name, text] of causePages()) writeFileSync(`docs/causes/${name}`, text);
