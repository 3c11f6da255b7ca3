import fc from 'fast-check';
import t from 'tap';
import { compile } from '../../backends/shell/argv.ts';
import type { CommandLine } from '../../backends/shell/command-line.ts';
import { explainLine } from '../../backends/shell/explain.ts';
import { SHELL_KINDS } from '../../backends/shell/shells.ts';
import type { Unsupported } from '../../lib/errors.ts';
import { NAMESPACES } from '../../lib/namespace.ts';
import type { SpawnPlan } from '../../lib/plan.ts';
import { signalName } from '../../lib/signal.ts';
import { PLAIN, plans } from './plans.ts';
import { TOOLS, without, withShell } from './tools.ts';

const stage = ({ stages }: CommandLine, name: string): readonly string[] | undefined =>
  stages.find((words) => words[0]?.endsWith(`/${name}`) || words.includes(name));

const words = (line: CommandLine, name: string): readonly string[] => stage(line, name) ?? [];

const after = (list: readonly string[], word: string): readonly string[] => list.slice(list.indexOf(word) + 1);

const lined = (plan: SpawnPlan, tools = TOOLS): CommandLine => compile(plan, tools)._unsafeUnwrap();

const refusal = (plan: SpawnPlan, tools = TOOLS): Unsupported => compile(plan, tools)._unsafeUnwrapErr();

/** Runs a check on every plan that is not refused. */
const forEveryLine = (check: (line: CommandLine, plan: SpawnPlan) => boolean): void =>
  fc.assert(
    fc.property(plans, fc.constantFrom(TOOLS, ...SHELL_KINDS.map((kind) => withShell(kind))), (plan, tools) =>
      compile(plan, tools).match(
        (line) => check(line, plan),
        ({ what, needs }) => what !== '' && needs !== '',
      ),
    ),
    { numRuns: 500 },
  );

const environmentOf = (line: CommandLine, plan: SpawnPlan): readonly string[] => {
  const command = words(line, 'ns-command');
  const rest = after(command, 'ns-command').slice(plan.cwd === null ? 0 : 1);
  const exported = rest.slice(0, rest.indexOf('--'));
  const script = command.find((word) => word.includes('ns_line')) ?? '';
  const level = /SHLVL=(\d+) exec/.exec(script)?.[1];
  const tail = rest.slice(exported.length + 1);
  const last = script.includes('ns_last=$1') ? [`_=${tail[script.includes('ns_argv0=$1') ? 1 : 0]}`] : [];
  const carried = Object.entries(line.env).filter(([name]) => name !== 'LC_ALL');
  return [
    ...carried.map((pair) => pair.join('=')),
    ...exported,
    ...(level === undefined ? [] : [`SHLVL=${Number(level) - 1}`]),
    ...last,
  ].sort();
};

t.test('compile() names every namespace of the plan once, and no other', async (t) => {
  forEveryLine((line, { namespaces }) => {
    const unshare = words(line, 'unshare');
    const made = Object.values(NAMESPACES).filter(({ option }) => unshare.includes(`--${option}`));
    return made.length === namespaces.length && namespaces.every((type) => made.includes(NAMESPACES[type]));
  });
  t.strictSame(lined(PLAIN).stages.length, 1, 'without namespaces there is no unshare');
});

t.test('compile() ends with the command and its arguments, whatever they are', async () =>
  forEveryLine((line, plan) => {
    const command = words(line, 'ns-command');
    const wanted = [plan.command, ...plan.argv.slice(1)];
    return command.slice(-wanted.length).every((word, index) => word === wanted[index]);
  }),
);

t.test('compile() hands on argv[0] where it is not the command', async (t) => {
  forEveryLine((line, plan) => {
    const script = words(line, 'ns-command').find((word) => word.includes('ns_line')) ?? '';
    return script.includes('exec -a') === (plan.argv[0] !== plan.command);
  });
  const line = lined({ ...PLAIN, argv: ['zed', 'x'] });
  t.strictSame(after(words(line, 'ns-command'), '--').slice(-3), ['zed', '/bin/true', 'x']);
});

t.test('compile() loses no variable of the environment, and adds none', async () =>
  forEveryLine((line, plan) => {
    const wanted = [...(plan.env ?? [])].sort();
    const got = environmentOf(line, plan);
    return got.length === wanted.length && got.every((variable, index) => variable === wanted[index]);
  }),
);

t.test('compile() keeps variables that mean something to the tools away from them', async () =>
  forEveryLine((line) =>
    Object.keys(line.env).every((name) => !/^(LD_|BASH|PATH$|IFS$|PWD$|SHLVL$|_$)/.test(name) || !/^\w+$/.test(name)),
  ),
);

t.test('compile() shows no variable in the arguments that means nothing to the tools', async (t) => {
  const plan = { ...PLAIN, env: ['TOKEN=secret', 'npm_config_//r/:_auth=secret'] };
  t.notMatch(lined(plan).stages.flat().join(' '), /secret/);
  t.notMatch(explainLine(plan, lined(plan)), /secret/);
});

t.test('compile() has the names, the directory and the mounts in it', async () =>
  forEveryLine((line, plan) => {
    const unshare = words(line, 'unshare');
    const names = after(words(line, 'ns-set-up'), 'ns-set-up');
    const wanted = [plan.hostname, plan.domainname].filter((name) => name !== null);
    return (
      wanted.every((name, index) => names[index] === name) &&
      (plan.propagation === null || unshare.includes(`--propagation=${plan.propagation}`)) &&
      (plan.mountProc === null || unshare.includes(`--mount-proc=${plan.mountProc}`)) &&
      (plan.cwd === null || after(words(line, 'ns-command'), 'ns-command')[0]?.endsWith(plan.cwd) === true)
    );
  }),
);

t.test('compile() has the id maps written by unshare, or waits for them', async () =>
  forEveryLine((line, { idMap }) => {
    if (idMap === null) return true;
    const unshare = words(line, 'unshare');
    const waits = words(line, 'ns-set-up').some((word) => word.includes("printf 'maps\\n'"));
    if (idMap.writer === 'parent') return waits && !unshare.some((word) => word.startsWith('--map-'));
    const [uid, gid] = [idMap.uid[0], idMap.gid[0]];
    return (
      !waits &&
      unshare.includes(`--map-user=${uid?.inside}`) === (uid !== undefined) &&
      unshare.includes(`--map-group=${gid?.inside}`) === (gid !== undefined) &&
      // unshare denies by itself before it writes a gid map, and cannot twice.
      unshare.includes('--setgroups=deny') === (gid === undefined && idMap.setgroups === 'deny')
    );
  }),
);

t.test('compile() takes on the ids that the plan says, and drops what capabilities it kept', async () =>
  forEveryLine((line, { idMap }) => {
    const setpriv =
      words(line, 'ns-command').length > 0 ? line.stages.filter((all) => all[0]?.endsWith('/setpriv')).flat() : [];
    const keeps = words(line, 'unshare').includes('--keep-caps');
    return (
      setpriv.includes('--reuid=0') === (idMap?.become.uid === 0) &&
      setpriv.includes('--regid=0') === (idMap?.become.gid === 0) &&
      setpriv.includes('--inh-caps=-all') === keeps &&
      setpriv.includes('--ambient-caps=-all') === keeps
    );
  }),
);

t.test('compile() gives the command its session and its signal, and guards the unshare before it', async () =>
  forEveryLine((line, { detached, parentDeathSignal, namespaces }) => {
    const forks = namespaces.includes('pid') || namespaces.includes('time');
    const setprivs = line.stages.filter((all) => all[0]?.endsWith('/setpriv'));
    const signal = parentDeathSignal === null ? null : `--pdeathsig=${signalName(parentDeathSignal)}`;
    return (
      line.detached === detached &&
      (stage(line, 'setsid') !== undefined) === (detached && forks) &&
      (signal === null || setprivs.at(-1)?.includes(signal) === true) &&
      line.stages[0]?.includes('KILL') === (signal !== null && forks) &&
      words(line, 'unshare').includes('--fork') === forks &&
      line.forks === forks
    );
  }),
);

t.test('compile() keeps every fd in its place, but for stderr, which waits', async () =>
  forEveryLine(
    (line, { stdio }) =>
      line.stderr === stdio.length &&
      line.control === stdio.length + 1 &&
      line.stdio.length === stdio.length + 2 &&
      line.stdio[2]?.type === 'pipe' &&
      line.stdio[line.stderr] === stdio[2] &&
      line.stdio[line.control]?.type === 'pipe' &&
      stdio.every((entry, fd) => fd === 2 || line.stdio[fd] === entry),
  ),
);

t.test('compile() closes inherited fds in the last stage', async (t) => {
  const line = compile(PLAIN, TOOLS, [3, 7, 251])._unsafeUnwrap();
  t.match(words(line, 'ns-command').join(' '), / 7>&- 251>&-/);
  t.notMatch(words(line, 'ns-command').join(' '), / 3>&- 4>&- 3>&-/, 'those below are replaced');
  const { what, needs } = compile(PLAIN, withShell('dash'), [251])._unsafeUnwrapErr();
  t.match(what, /file descriptors above 9/);
  t.match(needs, /bash/);
});

t.test('compile() is unsupported, by option and release, where the installed tools lack what it takes', async (t) => {
  fc.assert(
    fc.property(plans, (plan) => {
      const full = compile(plan, TOOLS);
      if (full.isErr()) return true;
      return (['unshare', 'setpriv'] as const).every((tool) => {
        const used = full.value.stages.filter((all) => all[0]?.endsWith(`/${tool}`)).flat();
        return used
          .filter((word) => word.startsWith('--') && word !== '--' && word !== '--kill-child')
          .every((word) => {
            const option = word.split('=', 1)[0] ?? '';
            const lacking = without(tool, [option]);
            return compile(plan, lacking).match(
              // -r says in other words what the two options together do.
              (line) => option.startsWith('--map-') && words(line, 'unshare').includes('--map-root-user'),
              ({ what, needs }) =>
                what.includes(option) && /util-linux \d+\.\d+ or newer \(2\.41 is installed\)/.test(needs),
            );
          });
      });
    }),
  );
  const old = { ...without('unshare', ['--time']), version: '2.34' };
  t.match(refusal({ ...PLAIN, namespaces: ['time'] }, old), {
    type: 'unsupported',
    backend: 'shell',
    what: '"unshare --time"',
    needs: 'util-linux 2.36 or newer (2.34 is installed)',
  });
});

t.test('compile() is unsupported where a tool is missing altogether', async (t) => {
  const detached: SpawnPlan = { ...PLAIN, namespaces: ['pid'], detached: true };
  t.match(refusal(detached, { ...TOOLS, setsid: null }).needs, /setsid\(1\)/);
  t.match(refusal({ ...PLAIN, parentDeathSignal: 15 }, { ...TOOLS, setpriv: null }).needs, /setpriv\(1\)/);
  const named: SpawnPlan = { ...PLAIN, namespaces: ['uts'], hostname: 'a_b' };
  const few = { ...TOOLS, busybox: null, perl: null, utsFilesWritable: false };
  t.match(refusal(named, few), { what: 'hostname "a_b"' });
  t.match(words(lined({ ...named, hostname: 'a-b.c' }, few), 'ns-set-up').join(' '), /\/bin\/hostname --/);
  t.match(refusal({ ...named, hostname: null, domainname: 'd' }, { ...few, domainname: null }), {
    what: 'domainname "d"',
  });
});

t.test('compile() sets names that hostname(1) refuses by what takes them', async (t) => {
  const named: SpawnPlan = { ...PLAIN, namespaces: ['uts'], hostname: '-F' };
  const setUp = (tools: typeof TOOLS): string => words(lined(named, tools), 'ns-set-up').join(' ');
  t.match(setUp(TOOLS), /busybox hostname --/);
  t.match(setUp({ ...TOOLS, busybox: null }), /perl/);
  t.match(setUp({ ...TOOLS, busybox: null, perl: null }), />\/proc\/sys\/kernel\/hostname/);
});

t.test('compile() has mount(8) mount proc where an old unshare could not, or refuses', async (t) => {
  const plan: SpawnPlan = { ...PLAIN, namespaces: ['mnt'], propagation: 'private', mountProc: '/tmp/p' };
  const old = { ...TOOLS, version: '2.37.4' };
  t.match(refusal(plan, old).needs, /2\.38 or newer \(2\.37\.4 is installed\)/);
  t.match(refusal(plan, { ...old, isRoot: true, mount: null }).what, /mountProc "\/tmp\/p"/);
  const line = lined(plan, { ...old, isRoot: true });
  t.notMatch(words(line, 'unshare').join(' '), /mount-proc/);
  t.match(words(line, 'ns-set-up').join(' '), /^\/bin\/dash -c \/bin\/mount -t proc .* ns-set-up \/tmp\/p$/s);
  const shared = lined({ ...plan, propagation: 'shared' }, { ...old, isRoot: true });
  t.match(words(shared, 'ns-set-up').join(' '), /mount --make-rprivate -- "\$1" >&2 \|\| :\n\/bin\/mount -t proc/);
  t.ok(words(lined({ ...plan, mountProc: '/proc' }, old), 'unshare').includes('--mount-proc=/proc'));
  t.ok(words(lined(plan, { ...TOOLS, version: '2.38' }), 'unshare').includes('--mount-proc=/tmp/p'));
});

t.test('compile() has env undo what unshare 2.36 and 2.37 do to signals', async (t) => {
  const plan: SpawnPlan = { ...PLAIN, namespaces: ['pid'] };
  for (const [version, undoes] of [
    ['2.35.2', false],
    ['2.36.1', true],
    ['2.37.4', true],
    ['2.38', false],
  ] as const) {
    const { stages } = lined(plan, { ...TOOLS, version });
    t.equal(stages[1]?.join(' ') === '/usr/bin/env --default-signal=INT,TERM', undoes, version);
    t.notOk(stage(lined({ ...plan, namespaces: ['uts'] }, { ...TOOLS, version }), 'env'), 'only behind --fork');
  }
  const old = { ...TOOLS, version: '2.37.4', env: { path: '/usr/bin/env', options: new Set<string>() } };
  t.match(refusal(plan, old).needs, /util-linux 2\.38 .*env\(1\) of coreutils 8\.31/);
  t.ok(compile({ ...plan, namespaces: [] }, old).isOk());
});

t.test('compile() uses -r where unshare has no --map-user', async (t) => {
  const idMap = {
    uid: [{ inside: 0, outside: 1000, count: 1 }],
    gid: [{ inside: 0, outside: 1000, count: 1 }],
    setgroups: 'deny',
    writer: 'self',
    helpers: { uid: null, gid: null },
    become: { uid: null, gid: null },
  } as const;
  const plan: SpawnPlan = { ...PLAIN, namespaces: ['user'], idMap };
  const old = without('unshare', ['--map-user', '--map-group']);
  t.match(words(lined(plan, old), 'unshare'), ['/usr/bin/unshare', '--user', '--map-root-user', '--']);
  t.match(refusal({ ...plan, idMap: { ...idMap, gid: [] } }, old).what, /--map-user/);
});

t.test('compile() picks a shell that can carry the plan, or says what none can', async (t) => {
  const kind = (plan: Partial<SpawnPlan>): string => lined({ ...PLAIN, ...plan }).stages.at(-1)?.[0] ?? '';
  const nine = Array.from({ length: 9 }, () => ({ type: 'ignore' }) as const);
  t.equal(kind({}), '/bin/dash');
  t.equal(kind({ env: ['a.b=1'] }), '/bin/bash');
  t.equal(kind({ stdio: nine }), '/bin/bash');
  t.equal(kind({ stdio: nine, env: ['UID=7'] }), '/bin/busybox');
  t.equal(kind({ command: 'x', argv: ['x'], env: ['PATH=/a%b'], searchPath: ['/a%b'] }), '/bin/bash');
  const { what, needs } = refusal({ ...PLAIN, env: ['a.b=1', 'UID=7'] });
  t.match(what, /environment variable "a\.b"/);
  t.match(needs, /bash cannot do the environment variable "UID"/);
});

t.test('compile() refuses what its own words would be mixed up with', async (t) => {
  t.match(refusal({ ...PLAIN, env: ['ns_line=1'] }).what, /"ns_line"/);
  t.match(refusal({ ...PLAIN, command: 'x', argv: ['x'], env: ['PATH=/a'], searchPath: ['/b'] }).what, /search path/);
});

t.test('compile() has a directory that begins with a hyphen be a directory', async (t) => {
  const cwd = (path: string): string =>
    after(words(lined({ ...PLAIN, cwd: path }), 'ns-command'), 'ns-command')[0] ?? '';
  t.strictSame(['-', '-P', '/abs', 'rel/x'].map(cwd), ['./-', './-P', '/abs', './rel/x']);
});

t.test('explain() tells the fds, the environment and what is written meanwhile', async (t) => {
  const range = [{ inside: 0, outside: 100_000, count: 65_536 }];
  const idMap = {
    uid: range,
    gid: range,
    setgroups: 'deny',
    writer: 'parent',
    helpers: { uid: null, gid: null },
    become: { uid: 0, gid: 0 },
  } as const;
  const plan: SpawnPlan = { ...PLAIN, namespaces: ['pid', 'user'], idMap, env: ['A=1'], detached: true };
  const text = explainLine(plan, lined(plan));
  t.match(text, /# fds: 0 \/dev\/null; .*2 what the tools say; 3 \/dev\/null, the command's stderr; 4 the socket/);
  t.match(text, /# environment: LC_ALL=C, and of the command's variables A\n/);
  t.match(text, /# in a session of its own/);
  t.match(text, /writes "0 100000 65536\\n" to \/proc\/PID\/uid_map/);
  t.match(text, /writes "deny" to \/proc\/PID\/setgroups\n.*uid_map/);
  t.match(text, /\n\/usr\/bin\/unshare --pid --user --fork --kill-child --keep-caps -- \\\n {2}\/bin\/dash -c /);
});
