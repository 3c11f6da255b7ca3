import { existsSync } from 'node:fs';
import { NAMESPACE_TYPES, type NamespaceType, type RunSpec, spawn, type Unsupported } from '../../../lib/index.ts';
import type { BackendName, Claim } from '../claim.ts';
import { ending, finished } from '../inside.ts';
import { failure, Refused, value } from '../outcome.ts';
import { fixture } from '../program.ts';

/** What the program saw that was started where a limit is 0; see fixtures/limited.ts. */
interface Seen {
  readonly type: string;
  readonly step: string;
  readonly errno: string;
  readonly namespaces: readonly string[];
  readonly message: string;
  readonly cause: string;
  readonly confidence: string;
  readonly evidence: readonly { source: string; value: string }[];
  readonly remedy: readonly string[];
  readonly plain: string;
}

const others = NAMESPACE_TYPES.filter((type) => type !== 'user' && existsSync(`/proc/self/ns/${type}`));

type Answers = Readonly<Record<NamespaceType, Seen | { readonly refusal: Unsupported }>>;

const runLimited = async (backend: BackendName): Promise<Answers> => {
  const script = `program=$1; shift
for type; do echo 0 > "/proc/sys/user/max_\${type}_namespaces" || exit; done
exec "$NODE" "$program" "$BACKEND" "$@"`;
  const args = ['-c', script, 'sh', fixture('limited'), 'user', ...others];
  const env = { ...process.env, NODE: process.execPath, BACKEND: backend };
  const spec: RunSpec = { backend, namespaces: ['user'], mapRootUser: true, env };
  const { status, stdout, stderr } = await finished('sh', args, spec);
  if (ending(status) !== 'exited 0') throw new Error(`The program ended with ${ending(status)}: ${stderr}`);
  return JSON.parse(stdout.toString()) as Answers;
};

let answers: Promise<Answers> | null = null;

/**
 * What a program saw in a user namespace in which nobody may make a namespace of any type. It runs once for all types;
 * the limits are those of that namespace, the machine's stay as they are.
 */
const whereNobodyMay = async (backend: BackendName, type: NamespaceType): Promise<Seen> => {
  answers ??= runLimited(backend);
  const seen = (await answers)[type];
  if ('refusal' in seen) throw new Refused(seen.refusal);
  return seen;
};

const refusesTime = (type: NamespaceType): Readonly<Record<string, string>> =>
  type === 'time' ? { 'ffi:straight': 'there are no time namespaces on this host' } : {};

export const failures: readonly Claim[] = [
  {
    title: 'a user namespace where they are switched off is setup-failed with ENOSPC, and says why',
    needs: ['nested-user-namespaces'],
    run: async (t, backend) => {
      const seen = await whereNobodyMay(backend, 'user');
      t.strictSame(
        [seen.type, seen.errno, seen.cause, seen.confidence],
        ['setup-failed', 'ENOSPC', 'max-userns-zero', 'certain'],
      );
      t.ok(['clone', 'unshare'].includes(seen.step), `at the step ${seen.step}`);
      t.ok(seen.namespaces.includes('user'));
      t.strictSame(seen.evidence, [{ source: '/proc/sys/user/max_user_namespaces', value: '0' }]);
      t.ok(
        seen.remedy.some((line) => line.includes('user.max_user_namespaces')),
        `${seen.remedy}`,
      );
      t.match(
        seen.message,
        /^Set-up failed at (clone|unshare): .+: ENOSPC: user\.max_user_namespaces is 0.*\(hint: .+\)$/,
      );
      t.equal(seen.plain, 'exited 0', 'a command without it still runs');
    },
  },
  ...others.map(
    (type): Claim => ({
      title: `a ${type} namespace where they are switched off is setup-failed with ENOSPC, and says why`,
      needs: ['user-namespaces', `ns:${type}`],
      unsupportedOn: refusesTime(type),
      run: async (t, backend) => {
        const seen = await whereNobodyMay(backend, type);
        t.strictSame([seen.type, seen.errno, seen.cause], ['setup-failed', 'ENOSPC', 'max-ns-other-zero']);
        t.strictSame(seen.namespaces, [type]);
        t.match(seen.message, `user.max_${type}_namespaces is 0`);
      },
    }),
  ),
  ...others.map(
    (type): Claim => ({
      title: `a ${type} namespace without "user" is setup-failed with EPERM for an ordinary user, and says what it takes`,
      needs: ['ordinary-user', `ns:${type}`],
      unsupportedOn: refusesTime(type),
      run: async (t, backend) => {
        const error = await failure(spawn('true', [], { backend, namespaces: [type] }), 'setup-failed');
        t.strictSame([error.errno, error.diagnosis?.cause, error.backend], ['EPERM', 'needs-cap-sys-admin', backend]);
        t.ok(['clone', 'unshare'].includes(error.step), `at the step ${error.step}`);
        t.strictSame(error.namespaces, [type]);
      },
    }),
  ),
  {
    title: 'setup-failed names the call and its arguments',
    needs: ['ordinary-user'],
    run: async (t, backend) => {
      const error = await failure(spawn('true', [], { backend, namespaces: ['uts'] }), 'setup-failed');
      t.ok(
        error.syscall !== '' && error.call.includes(error.syscall.replace(/\(\d\)$/, '')),
        `${error.syscall}: ${error.call}`,
      );
      t.match(error.call, backend === 'shell' ? /unshare/ : /CLONE_NEWUTS/);
      t.match(error.message, error.call);
    },
  },
  {
    title: 'a set-up that fails late leaves the command unrun',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const { made } = await import('../caller.ts');
      const { scratch } = await import('../scratch.ts');
      const dir = scratch(t);
      const spec = made(backend, ['mnt', 'uts'], { hostname: 'h', cwd: `${dir}/missing` });
      await failure(spawn('touch', [`${dir}/ran`], spec), 'setup-failed');
      t.notOk(existsSync(`${dir}/ran`));
    },
  },
  {
    title: 'spawn() works again after failures of every kind',
    run: async (t, backend) => {
      await failure(spawn('/nowhere/command', [], { backend }), 'exec-failed');
      await failure(spawn('true', [], { backend, cwd: '/nowhere' }), 'setup-failed');
      await failure(spawn('true', [], { backend, stdio: ['ignore', 999_999, 'ignore'] }), 'setup-failed');
      await failure(spawn('true', [], { backend, signal: AbortSignal.abort() }), 'aborted');
      await failure(spawn('true', ['x'.repeat(200_000)], { backend }), 'exec-failed');
      const child = await value(spawn('true', [], { backend, stdio: 'ignore' }));
      t.equal(ending(await value(child.exit)), 'exited 0');
    },
  },
];
