import type { RunSpec, SpawnSpec } from '../../lib/spec.ts';
import { BAD_MOUNTS } from './bad-mounts.ts';

/** Everything a spec takes, as JavaScript may give it. */
export type Loose = { readonly [K in keyof (SpawnSpec & RunSpec)]?: unknown };

/** A spec that cannot be meant: which option the error names, what is in the spec, and a word of what is wanted. */
export type BadOption = readonly [option: string, spec: Loose, wanted: RegExp];

const NUL = 'a\0b';
const LONG = 'x'.repeat(65);
const user = { namespaces: ['user'] } as const;
const range = { inside: 0, outside: 0 };

export const BAD_OPTIONS: readonly BadOption[] = [
  ...BAD_MOUNTS,
  ['namespaces', { namespaces: 'pid' }, /a list of namespace types/],
  ['namespaces', { namespaces: new Set(['pid']) }, /a list/],
  ['namespaces', { namespaces: null }, /a list/],
  ['namespaces[0]', { namespaces: ['net2'] }, /one of cgroup, ipc, mnt/],
  ['namespaces[1]', { namespaces: ['pid', 'mount'] }, /one of/],
  ['namespaces[0]', { namespaces: ['constructor'] }, /one of/],
  ['namespaces[0]', { namespaces: [7] }, /one of/],
  ['hostname', { namespaces: ['uts'], hostname: LONG }, /64 bytes/],
  ['hostname', { namespaces: ['uts'], hostname: 'ä'.repeat(33) }, /64 bytes/],
  ['hostname', { namespaces: ['uts'], hostname: NUL }, /without NUL/],
  ['hostname', { namespaces: ['uts'], hostname: 7 }, /a string/],
  ['hostname', { hostname: 'matrix' }, /"uts" among the namespaces/],
  ['hostname', { namespaces: ['user', 'mnt'], hostname: 'matrix' }, /"uts"/],
  ['domainname', { namespaces: ['uts'], domainname: LONG }, /64 bytes/],
  ['domainname', { domainname: 'matrix' }, /"uts"/],
  ['propagation', { namespaces: ['mnt'], propagation: 'none' }, /one of private, slave, shared, unchanged/],
  ['propagation', { namespaces: ['mnt'], propagation: null }, /one of/],
  ['propagation', { propagation: 'slave' }, /"mnt" among the namespaces/],
  ['mountProc', { mountProc: true }, /"mnt" among the namespaces/],
  ['mountProc', { namespaces: ['mnt'], mountProc: '' }, /not empty/],
  ['mountProc', { namespaces: ['mnt'], mountProc: NUL }, /without NUL/],
  ['mountProc', { namespaces: ['mnt'], mountProc: 1 }, /a path/],
  ['mapRootUser', { mapRootUser: true }, /"user" among the namespaces/],
  ['mapRootUser', { ...user, mapRootUser: 'yes' }, /true or false/],
  ['mapCurrentUser', { ...user, mapCurrentUser: 1 }, /true or false/],
  ['mapCurrentUser', { mapCurrentUser: true }, /"user"/],
  ['mapCurrentUser', { ...user, mapRootUser: true, mapCurrentUser: true }, /no other map beside "mapRootUser"/],
  ['uidMap', { ...user, mapRootUser: true, uidMap: range }, /no other map/],
  ['gidMap', { ...user, mapCurrentUser: true, gidMap: range }, /no other map/],
  ['uidMap', { uidMap: range }, /"user"/],
  ['uidMap', { ...user, uidMap: [] }, /at least one range/],
  ['uidMap', { ...user, uidMap: null }, /inside, outside/],
  ['uidMap', { ...user, uidMap: 'root' }, /inside, outside/],
  ['uidMap', { ...user, uidMap: { inside: 0 } }, /inside, outside/],
  ['uidMap', { ...user, uidMap: { inside: -1, outside: 0 } }, /0 to 4294967294/],
  ['uidMap', { ...user, uidMap: { inside: 0.5, outside: 0 } }, /0 to 4294967294/],
  ['uidMap', { ...user, uidMap: { inside: 0, outside: 4294967295 } }, /0 to 4294967294/],
  ['uidMap', { ...user, uidMap: { ...range, count: 0 } }, /1 or more/],
  ['uidMap', { ...user, uidMap: { ...range, count: '1' } }, /1 or more/],
  ['uidMap', { ...user, uidMap: { inside: 0, outside: 4294967294, count: 2 } }, /ends at 4294967294/],
  [
    'uidMap',
    {
      ...user,
      uidMap: [
        { ...range, count: 10 },
        { inside: 9, outside: 100 },
      ],
    },
    /do not overlap inside/,
  ],
  [
    'gidMap',
    {
      ...user,
      gidMap: [
        { ...range, count: 10 },
        { inside: 10, outside: 9 },
      ],
    },
    /do not overlap outside/,
  ],
  ['gidMap', { ...user, gidMap: Array.from({ length: 341 }, (_, at) => ({ inside: at, outside: at })) }, /at most 340/],
  ['setgroups', { ...user, setgroups: 'no' }, /"allow" or "deny"/],
  ['setgroups', { setgroups: 'deny' }, /"user"/],
  ['cwd', { cwd: '' }, /not empty/],
  ['cwd', { cwd: NUL }, /without NUL/],
  ['cwd', { cwd: new URL('file:///tmp') }, /a path/],
  ['env', { env: 'PATH=/bin' }, /an object of strings/],
  ['env', { env: null }, /an object of strings/],
  ['env', { env: ['PATH=/bin'] }, /an object of strings/],
  ['env', { env: { 'A=B': 'c' } }, /names without "="/],
  ['env', { env: { '': 'c' } }, /names without "="/],
  ['env', { env: { [NUL]: 'c' } }, /NUL/],
  ['env.A', { env: { A: NUL } }, /without NUL/],
  ['env.A', { env: { A: 7 } }, /a string/],
  ['argv0', { argv0: NUL }, /without NUL/],
  ['argv0', { argv0: 7 }, /a string/],
  ['killSignal', { killSignal: 'SIGNONE' }, /the name of a signal/],
  ['killSignal', { killSignal: 9 }, /the name of a signal/],
  ['killSignal', { killSignal: 'constructor' }, /the name of a signal/],
  ['parentDeathSignal', { parentDeathSignal: 'KILL' }, /the name of a signal/],
  ['parentDeathSignal', { parentDeathSignal: 9 }, /the name of a signal/],
  ['timeoutMs', { timeoutMs: 0 }, /more than 0/],
  ['timeoutMs', { timeoutMs: -1 }, /more than 0/],
  ['timeoutMs', { timeoutMs: Number.NaN }, /more than 0/],
  ['timeoutMs', { timeoutMs: Number.POSITIVE_INFINITY }, /at most 2147483647/],
  ['timeoutMs', { timeoutMs: '10' }, /more than 0/],
  ['timeoutMs', { timeoutMs: null }, /more than 0/],
  ['signal', { signal: 'abort' }, /an AbortSignal/],
  ['signal', { signal: new AbortController() }, /an AbortSignal/],
  ['backend', { backend: 'docker' }, /one of auto, ffi, shell/],
  ['backend', { backend: {} }, /one of auto/],
  ['backend', { backend: null }, /one of auto/],
];

/** Options that run() has not, or has otherwise. */
export const BAD_SPAWN_OPTIONS: readonly BadOption[] = [
  ['stdio', { stdio: 7 }, /a list of them/],
  ['stdio', { stdio: null }, /a list of them/],
  ['stdio', { stdio: 'all' }, /"inherit", "ignore", "pipe"/],
  ['stdio[1]', { stdio: ['pipe', 'overlapped'] }, /"inherit"/],
  ['stdio[2]', { stdio: ['pipe', 'pipe', -1] }, /an fd/],
  ['stdio[0]', { stdio: [1.5] }, /an fd/],
  ['stdio[0]', { stdio: [{ fd: null }] }, /a stream with an open fd/],
  ['stdio[0]', { stdio: [{}] }, /a stream with an open fd/],
  ['stdio[0]', { stdio: [true] }, /an fd/],
  ['stdio', { stdio: Array(257).fill('ignore') }, /at most 256 entries/],
  ['detached', { detached: 'yes' }, /true or false/],
  ['stdin', { stdin: 'text', stdio: 'ignore' }, /"pipe" as stdio\[0\]/],
  ['stdin', { stdin: 7 }, /a string or a Uint8Array/],
];

export const BAD_RUN_OPTIONS: readonly BadOption[] = [
  ['maxOutputBytes', { maxOutputBytes: -1 }, /0 or more/],
  ['maxOutputBytes', { maxOutputBytes: 1.5 }, /a whole number/],
  ['maxOutputBytes', { maxOutputBytes: '10' }, /a whole number/],
  ['maxOutputBytes', { maxOutputBytes: null }, /a whole number/],
  ['maxOutputBytes', { maxOutputBytes: Number.POSITIVE_INFINITY }, /a whole number/],
];
