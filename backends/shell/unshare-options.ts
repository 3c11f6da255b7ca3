import { err, ok, Result } from 'neverthrow';
import { type Unsupported, unsupported } from '../../lib/errors.ts';
import type { IdMapPlan } from '../../lib/id-map.ts';
import { NAMESPACES } from '../../lib/namespace.ts';
import type { SpawnPlan } from '../../lib/plan.ts';
import { isAtLeast, need, needsRelease } from './needs.ts';
import type { Tools } from './tools.ts';

/** What only the whole command line knows. */
interface Ways {
  readonly forks: boolean;
  readonly keepsCapabilities: boolean;
}

/** The options that write the maps; none when they are written from outside. */
const mapWords = ({ uid, gid, setgroups, writer }: IdMapPlan, tools: Tools): readonly string[] => {
  if (writer === 'parent') return [];
  const [uidLine] = uid;
  const [gidLine] = gid;
  if (uidLine?.inside === 0 && gidLine?.inside === 0 && !tools.unshare.options.has('--map-user')) {
    return ['--map-root-user'];
  }
  return [
    ...(uidLine === undefined ? [] : [`--map-user=${uidLine.inside}`]),
    ...(gidLine === undefined ? [] : [`--map-group=${gidLine.inside}`]),
    // With a gid map, unshare writes "deny" by itself, and a second time it would be refused.
    ...(gidLine === undefined && setgroups === 'deny' ? ['--setgroups=deny'] : []),
  ];
};

const mountWords = ({ propagation, mountProc }: SpawnPlan): readonly string[] => [
  // Said even where it is the default: an older unshare had another one.
  ...(propagation === null ? [] : [`--propagation=${propagation}`]),
  ...(mountProc === null ? [] : [`--mount-proc=${mountProc}`]),
];

/** Before 2.38, unshare made the directory private first, which only a mount point can be. */
const checkMountProc = ({ mountProc }: SpawnPlan, tools: Tools): Result<void, Unsupported> =>
  mountProc === null || mountProc === '/proc' || isAtLeast(tools.version, '2.38')
    ? ok(undefined)
    : err(unsupported('shell', `mountProc ${JSON.stringify(mountProc)}`, needsRelease('2.38', tools)));

/**
 * The options of unshare(1) for a plan that has namespaces.
 *
 * @returns the words, or `unsupported` naming the option that the installed release has not
 */
export const unshareOptions = (plan: SpawnPlan, tools: Tools, ways: Ways): Result<readonly string[], Unsupported> => {
  const words = [
    ...plan.namespaces.map((type) => `--${NAMESPACES[type].option}`),
    ...(ways.forks ? ['--fork'] : []),
    // Who ends unshare from outside must not leave the command behind.
    ...(ways.forks && tools.unshare.options.has('--kill-child') ? ['--kill-child'] : []),
    ...(plan.idMap === null ? [] : mapWords(plan.idMap, tools)),
    ...mountWords(plan),
    ...(ways.keepsCapabilities ? ['--keep-caps'] : []),
  ];
  const options = words.map((word) => word.split('=', 1)[0] ?? word);
  return checkMountProc(plan, tools)
    .andThen(() => Result.combine(options.map((option) => need(tools, 'unshare', option))))
    .map(() => words);
};
