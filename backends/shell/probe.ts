import { okAsync, ResultAsync } from 'neverthrow';
import { typesFor } from '../../lib/check-names.ts';
import type { LaunchError } from '../../lib/errors.ts';
import { errnoOfHelper } from '../../lib/id-map-helper.ts';
import { NAMESPACES, type NamespaceType } from '../../lib/namespace.ts';
import type { ProbeOutcome, ProbePlan } from '../../lib/probe.ts';
import { errnoIn, stepIn } from './parse.ts';
import { type Recipe, recipeFor } from './probe-recipes.ts';
import { quote } from './quote.ts';
import { collect, runHere } from './run.ts';
import type { Tools } from './tools.ts';

const hasOption = ({ unshare }: Tools, types: readonly NamespaceType[]): boolean =>
  types.every((type) => unshare.options.has(`--${NAMESPACES[type].option}`));

/** One attempt as a line of shell: it ends in a line of its number, its exit code, and what was said. */
const lineFor = (
  index: number,
  { options, act, script }: Recipe,
  types: readonly NamespaceType[],
  tools: Tools,
): string => {
  const flags = types.map((type) => `--${NAMESPACES[type].option}`);
  const user = types.includes('user') ? ['--map-root-user'] : [];
  const fork = types.includes('pid') || types.includes('time') ? ['--fork'] : [];
  const words =
    script === undefined
      ? [tools.unshare.path, ...flags, ...user, ...fork, ...options, 'sh', '-c', act]
      : ['sh', '-c', script];
  const command = words.map(quote).join(' ');
  // Words without a failure are warnings.
  return `said=$(${command} 2>&1 </dev/null) && said= || said=\${said:-failed}; printf '%s\\t%s\\n' ${index} "$(printf '%s' "$said" | tail -n 1)"`;
};

/** What came of an attempt, from its last words: unshare(1), mount(8) and their kin are silent when all went well. */
const outcomeOf = (
  wanted: ProbePlan['attempts'][number],
  recipe: Recipe | string,
  said: string | undefined,
): ProbeOutcome => {
  if (typeof recipe === 'string') return { ...wanted, failure: { step: 'untried', reason: recipe } };
  if (said === undefined)
    return { ...wanted, failure: { step: 'untried', reason: 'the attempt ended without a word' } };
  if (said === '') return { ...wanted, failure: null };
  const types = typesFor(wanted.check, wanted.inUserNamespace);
  const told = stepIn(said);
  const isHelper = /^new[ug]idmap: /.test(said);
  const step =
    isHelper || told === 'prepare' || /^(?:chroot|mount|mkdir|pivot_root|sh|nsenter|RTNETLINK|ip):? /.test(said)
      ? recipe.step
      : told;
  const failure = {
    step,
    errno: isHelper ? errnoOfHelper(said) : errnoIn(said),
    namespaces: types,
    requested: types,
    syscall: 'unshare(1)',
    path: step === 'mount-proc' ? '/proc' : null,
    filesystem: recipe.filesystem ?? null,
    text: said,
  };
  return { ...wanted, failure };
};

/** Tries what util-linux has tools for: one shell script, an unshare(1) for each attempt. */
export const probe = (tools: Tools, plan: ProbePlan): ResultAsync<readonly ProbeOutcome[], LaunchError> => {
  const recipes = plan.attempts.map(({ check, inUserNamespace }) => {
    const recipe = recipeFor(check, plan, tools);
    if (typeof recipe === 'string' || hasOption(tools, typesFor(check, inUserNamespace))) return recipe;
    return `there is no tool for it: unshare(1) here has no --${check}`;
  });
  const lines = plan.attempts.flatMap(({ check, inUserNamespace }, index) => {
    const recipe = recipes[index] ?? '';
    return typeof recipe === 'string' ? [] : [lineFor(index, recipe, typesFor(check, inUserNamespace), tools)];
  });
  const become = plan.become === null ? [] : becomeUser(plan.become, tools);
  const nothing = plan.attempts.map(
    (wanted): ProbeOutcome => ({
      ...wanted,
      failure: { step: 'untried', reason: 'setpriv(1) is not there to become that user' },
    }),
  );
  if (become === null) return okAsync(nothing);
  const [command = 'sh', ...args] = [...become, 'sh', '-c', lines.join('\n')];
  return ResultAsync.fromSafePromise(
    collect(command, args, plan.timeoutMs).then((output) => {
      const said = new Map(
        output.split('\n').flatMap((line) => {
          const [, index, words] = /^(\d+)\t(.*)$/.exec(line) ?? [];
          return index === undefined || words === undefined ? [] : [[Number(index), words] as const];
        }),
      );
      return plan.attempts.map((wanted, index) => outcomeOf(wanted, recipes[index] ?? '', said.get(index)));
    }),
  );
};

/**
 * Whether this process's root directory is that of its mount namespace: from a chroot nobody may make a user namespace, and
 * nsenter(1), who joins the mount namespace that it is in, leaves the chroot.
 */
export const isRootOwn = ({ unshare, nsenter }: Tools): boolean | undefined => {
  const words = [unshare.path, '--user', 'true'];
  const succeeds = ([path = '', ...args]: readonly string[]): boolean => runHere(path, args) === 0;
  if (succeeds(words)) return true;
  return nsenter !== null && succeeds([nsenter.path, '--mount=/proc/self/ns/mnt', ...words]) ? false : undefined;
};

const becomeUser = ({ uid, gid }: { uid: number; gid: number }, { setpriv }: Tools): readonly string[] | null =>
  setpriv === null ? null : [setpriv.path, `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
