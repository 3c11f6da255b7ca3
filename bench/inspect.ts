// inspect() and ns-ls beside lsns(8), with 2,000 processes in 200 namespaces: `npm run bench:inspect`.
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { type Child, inspect, run, spawn } from '../lib/index.ts';
import { quantilesOf } from './statistics/summary.ts';

const GROUPS = 100;
const PER_GROUP = 20;
const ROUNDS = 7;
const MOST_RSS_MIB = 100;

const nsLs = fileURLToPath(new URL('../published/ns-ls.js', import.meta.url));

/** So many processes in a uts and an ipc namespace of their own. */
const startGroup = async (): Promise<Child> => {
  const script = `for i in $(seq ${PER_GROUP - 1}); do sleep 600 & done; exec sleep 600`;
  const privileged = process.geteuid?.() === 0;
  const spec = privileged
    ? { namespaces: ['uts', 'ipc'] as const }
    : { namespaces: ['user', 'uts', 'ipc'] as const, mapRootUser: true };
  const child = await spawn('sh', ['-c', script], { ...spec, stdio: 'ignore', detached: true });
  if (child.isErr()) throw new Error(child.error.message);
  return child.value;
};

const timed = async (act: () => unknown): Promise<number> => {
  const start = performance.now();
  await act();
  return performance.now() - start;
};

const said = async (file: string, args: readonly string[]): Promise<string> => {
  const result = await run(file, args);
  if (result.isErr()) throw new Error(result.error.message);
  const { status, stdout, stderr } = result.value;
  if (status.type !== 'exited' || status.code !== 0) throw new Error(`${file} failed: ${stderr}`);
  return stdout.toString();
};

/**
 * What ns-ls takes inside, without the start of Node.js, and how much memory it had at most: VmHWM, because getrusage(2)
 * counts what this process had when it started that one.
 */
const inside = async (): Promise<{ readonly ms: number; readonly rssMib: number }> => {
  const code = `
    const { performance } = await import('node:perf_hooks');
    const { readFileSync } = await import('node:fs');
    const { main } = await import(${JSON.stringify(new URL('../cli/ns-ls/main.js', import.meta.url).href)});
    const start = performance.now();
    main([], { stdout: () => {}, stderr: () => {}, env: process.env, die: () => {}, columns: null });
    const ms = performance.now() - start;
    const [, kib] = /^VmHWM:\\s+(\\d+)/m.exec(readFileSync('/proc/self/status', 'latin1'));
    process.stdout.write(JSON.stringify({ ms, rssMib: kib / 1024 }));`;
  return JSON.parse(await said(process.execPath, ['--input-type=module', '-e', code]));
};

const show = (what: string, samples: readonly number[]): number => {
  const { p50, p90 } = quantilesOf(samples);
  process.stdout.write(`${what.padEnd(44)} p50 ${p50.toFixed(1)} ms, p90 ${p90.toFixed(1)} ms\n`);
  return p50;
};

const main = async (): Promise<number> => {
  const groups: Child[] = [];
  for (let group = 0; group < GROUPS; group += 1) groups.push(await startGroup());
  const wanted = GROUPS * PER_GROUP;
  const started = Date.now();
  while (Date.now() - started < 20_000) {
    const sleeping = await said('sh', ['-c', 'pgrep -c -x sleep || true']);
    if (Number(sleeping) >= wanted) break;
  }
  const seen = inspect()._unsafeUnwrap();
  process.stdout.write(
    `${seen.processes.length} processes in ${seen.namespaces.length} namespaces, ${ROUNDS} rounds\n`,
  );
  const samples = { lsns: [] as number[], lean: [] as number[], full: [] as number[], whole: [] as number[] };
  let rss = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    samples.lsns.push(await timed(() => said('lsns', [])));
    const one = await inside();
    samples.full.push(one.ms);
    rss = Math.max(rss, one.rssMib);
    samples.lean.push(await timed(() => inspect({ fds: false })._unsafeUnwrap()));
    samples.whole.push(await timed(() => said(process.execPath, [nsLs])));
  }
  for (const group of groups) {
    // The whole session: its processes are in the group of its leader.
    process.kill(-group.pid, 'SIGKILL');
    await group[Symbol.asyncDispose]();
  }
  const peer = show('lsns', samples.lsns);
  const own = show('ns-ls without the start of Node.js', samples.full);
  show('ns-ls with it', samples.whole);
  show('inspect({ fds: false }), here', samples.lean);
  process.stdout.write(`ns-ls beside lsns: ${(own / peer).toFixed(3)}; most memory ${rss.toFixed(0)} MiB\n`);
  const held = own <= peer && rss < MOST_RSS_MIB;
  process.stdout.write(`${held ? 'held' : 'missed'}: at most the time of lsns, less than ${MOST_RSS_MIB} MiB\n`);
  return held ? 0 : 1;
};

process.exitCode = await main();
