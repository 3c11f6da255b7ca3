const NUL = 'a\0b';
/** See BadOption. */
type BadMount = readonly [
  option: string,
  spec: {
    readonly [K in
      | 'mounts'
      | 'root'
      | 'namespaces'
      | 'propagation'
      | 'mountProc'
      | 'init'
      | 'stdio'
      | 'ptySize']?: unknown;
  },
  wanted: RegExp,
];

const mnt = { namespaces: ['mnt'] } as const;
const tmpfs = { type: 'tmpfs', target: '/mnt' } as const;

/** The path of the option within its entry, the entry's fields beside its type, and what is wanted. */
const entry = (option: string, fields: object, wanted: RegExp): BadMount => [
  `mounts[0]${option}`,
  { ...mnt, mounts: [fields] },
  wanted,
];

export const BAD_MOUNTS: readonly BadMount[] = [
  ['mounts', { mounts: [tmpfs] }, /"mnt" among the namespaces/],
  ['mounts', { ...mnt, mounts: 'tmpfs' }, /a list of mounts/],
  ['mounts', { ...mnt, mounts: Array(501).fill(tmpfs) }, /at most 500 entries/],
  ['mounts', { ...mnt, mounts: Array(4).fill({ ...tmpfs, target: '/a'.repeat(1_000) }) }, /3000 names/],
  [
    'mounts',
    { ...mnt, mounts: [{ type: 'file', target: '/f', content: Buffer.alloc(16 * 1024 * 1024 + 1) }] },
    /16777216 bytes/,
  ],
  ['mounts[1].target', { ...mnt, mounts: [tmpfs, { ...tmpfs, target: 'mnt' }] }, /an absolute path/],
  [
    'mounts[0]',
    { ...mnt, propagation: 'shared', mounts: [{ type: 'file', target: '/f', content: '' }] },
    /"propagation" to be private or slave/,
  ],
  entry('', null as never, /an object/),
  entry('.type', { target: '/mnt' }, /one of bind, tmpfs/),
  entry('.type', { type: 'ext4', target: '/mnt' }, /one of bind, tmpfs/),
  entry('.type', { type: 'constructor', target: '/mnt' }, /one of bind/),
  entry('.target', { type: 'tmpfs' }, /a path/),
  entry('.target', { ...tmpfs, target: '' }, /not empty/),
  entry('.target', { ...tmpfs, target: NUL }, /without NUL/),
  entry('.target', { ...tmpfs, target: '/' }, /what "root" is for/),
  entry('.target', { ...tmpfs, target: '/a/..' }, /what "root" is for/),
  entry('.readonly', { ...tmpfs, readonly: true }, /one of type, target, optional, sizeBytes/),
  entry('.readOnly', { ...tmpfs, readOnly: 1 }, /true or false/),
  entry('.optional', { ...tmpfs, optional: 'yes' }, /true or false/),
  entry('.sizeBytes', { ...tmpfs, sizeBytes: 0 }, /1 or more/),
  entry('.sizeBytes', { ...tmpfs, sizeBytes: '1m' }, /1 or more/),
  entry('.mode', { ...tmpfs, mode: 0o10000 }, /0 to 0o7777/),
  entry('.propagation', { ...tmpfs, propagation: 'unchanged' }, /one of private, slave, shared, unbindable/),
  entry('.source', { type: 'bind', target: '/mnt' }, /a path/),
  entry('.source', { type: 'bind', target: '/mnt', source: '' }, /not empty/),
  entry('.recursive', { type: 'bind', target: '/mnt', source: '/', recursive: 0 }, /true or false/),
  entry('.idMap', { type: 'bind', target: '/mnt', source: '/', idMap: 5 }, /a path/),
  entry('.hidepid', { type: 'proc', target: '/proc', hidepid: 2 }, /one of off, noaccess/),
  entry('.subset', { type: 'proc', target: '/proc', subset: 'net' }, /one of pid/),
  entry('.mode', { type: 'sysfs', target: '/sys', mode: 0 }, /one of type, target, optional, readOnly/),
  entry('.lower', { type: 'overlay', target: '/mnt' }, /at least 2 paths/),
  entry('.lower', { type: 'overlay', target: '/mnt', lower: ['/usr'] }, /at least 2 paths/),
  entry('.lower', { type: 'overlay', target: '/mnt', lower: ['/a', `/${'b'.repeat(4_096)}`] }, /4031 bytes/),
  entry('.lower[1]', { type: 'overlay', target: '/mnt', lower: ['/usr', 7] }, /a path/),
  entry('.upper', { type: 'overlay', target: '/mnt', lower: ['/usr'], upper: true }, /a path or/),
  entry('.work', { type: 'overlay', target: '/mnt', lower: ['/usr'], upper: '/u' }, /empty directory/),
  entry('.work', { type: 'overlay', target: '/mnt', lower: ['/usr', '/a'], work: '/w' }, /"upper"/),
  entry('.work', { type: 'overlay', target: '/mnt', lower: ['/usr'], upper: { type: 'tmpfs' }, work: '/w' }, /nothing/),
  entry('.content', { type: 'file', target: '/f' }, /a string or a Uint8Array/),
  entry('.mode', { type: 'file', target: '/f', content: '', mode: -1 }, /0 to 0o7777/),
  entry('.to', { type: 'symlink', target: '/l' }, /a path/),
  entry('.to', { type: 'symlink', target: '/l', to: '' }, /not empty/),
  entry('.propagation', { type: 'propagation', target: '/' }, /one of private/),
  ['ptySize', { ptySize: {} }, /"pty" among stdio/],
  ['ptySize', { stdio: 'pty', ptySize: 80 }, /columns and rows/],
  ['ptySize.rows', { stdio: 'pty', ptySize: { rows: 0 } }, /1 to 65535/],
  ['ptySize.columns', { stdio: ['pty'], ptySize: { columns: 65_536 } }, /1 to 65535/],
  ['init', { init: true }, /"pid" among the namespaces/],
  ['init', { namespaces: ['pid'], init: 1 }, /true or false/],
  ['root', { root: 7 }, /a path/],
  ['root', { root: { source: '/srv' } }, /type: "bind"/],
  ['root', { root: '' }, /not empty/],
  ['root.method', { ...mnt, root: { type: 'bind', source: '/', method: 'pivot_root' } }, /other than "\/"/],
  ['root.readOnly', { ...mnt, root: { type: 'bind', source: '//', readOnly: true } }, /other than "\/"/],
  ['root', { root: { type: 'tmpfs' } }, /"mnt" among the namespaces/],
  ['root', { ...mnt, propagation: 'shared', root: { type: 'tmpfs' } }, /"propagation" to be private or slave/],
  ['root.source', { ...mnt, root: { type: 'bind' } }, /a path/],
  ['root.readonly', { ...mnt, root: { type: 'bind', source: '/srv', readonly: true } }, /one of type, source/],
  ['root.readOnly', { root: { type: 'bind', source: '/srv', readOnly: true } }, /"mnt" among the namespaces/],
  ['root.method', { ...mnt, root: { type: 'bind', source: '/srv', method: 'move' } }, /"pivot_root" or "chroot"/],
  ['root.method', { root: { type: 'bind', source: '/srv', method: 'pivot_root' } }, /"mnt"/],
  [
    'root.method',
    { ...mnt, propagation: 'unchanged', root: { type: 'bind', source: '/srv', method: 'pivot_root' } },
    /"propagation" to be private or slave/,
  ],
  ['root.sizeBytes', { ...mnt, root: { type: 'tmpfs', sizeBytes: -1 } }, /1 or more/],
  ['mountProc', { ...mnt, root: '/srv', mountProc: 'proc' }, /an absolute path with "root"/],
];
