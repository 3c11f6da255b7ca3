// After tsc: makes the command-line programs executable, and removes from dist what no longer has a source.
// Several builds may run at once: a file goes only when its source is not there, and one that is gone already is no error.
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';

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

for (const entry of readdirSync('dist', { withFileTypes: true })) if (entry.isDirectory()) prune(`dist/${entry.name}`);

// What ns-bench builds when it measures peers.
for (const name of ['clone3-loop.c', 'main.go', 'peer.py']) {
  mkdirSync('dist/bench/peers', { recursive: true });
  copyFileSync(`bench/peers/${name}`, `dist/bench/peers/${name}`);
}

const { bin } = JSON.parse(readFileSync('package.json', 'utf8'));
for (const file of Object.values(bin)) chmodSync(file, 0o755);
