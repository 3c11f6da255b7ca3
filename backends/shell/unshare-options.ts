import { err, Result } from 'neverthrow';
import type { Unsupported } from '../../lib/errors.ts';
import type { IdMapPlan } from '../../lib/id-map.ts';
import { NAMESPACES } from '../../lib/namespace.ts';
import type { SpawnPlan } from '../../lib/plan.ts';
import { need } from './needs.ts';
import { type ProcMounter, procMounter } from './proc-mount.ts';
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

const clockWords = ({ timeOffsets }: SpawnPlan): readonly string[] =>
  (['monotonic', 'boottime'] as const).flatMap((clock) => {
    const offset = timeOffsets?.[clock] ?? null;
    return offset === null ? [] : [`--${clock}=${offset.seconds}`];
  });

const mountWords = ({ propagation, mountProc }: SpawnPlan, mounter: ProcMounter | null): readonly string[] => [
  // Said even where it is the default: an older unshare had another one.
  ...(propagation === null ? [] : [`--propagation=${propagation}`]),
  ...(mounter?.type === 'unshare' ? [`--mount-proc=${mountProc}`] : []),
];

/**
 * The options of unshare(1) for a plan that has namespaces.
 *
 * @returns the words, or `unsupported` naming the option that the installed release has not
 */
export const unshareOptions = (plan: SpawnPlan, tools: Tools, ways: Ways): Result<readonly string[], Unsupported> => {
  const mounter = procMounter(plan, tools);
  if (mounter.isErr()) return err(mounter.error);
  const words = [
    ...plan.namespaces.map((type) => `--${NAMESPACES[type].option}`),
    ...(ways.forks ? ['--fork'] : []),
    // Who ends unshare from outside must not leave the command behind.
    ...(ways.forks && tools.unshare.options.has('--kill-child') ? ['--kill-child'] : []),
    ...(plan.idMap === null ? [] : mapWords(plan.idMap, tools)),
    ...clockWords(plan),
    ...mountWords(plan, mounter.value),
    ...(ways.keepsCapabilities ? ['--keep-caps'] : []),
  ];
  const options = words.map((word) => word.split('=', 1)[0] ?? word);
  return Result.combine(options.map((option) => need(tools, 'unshare', option))).map(() => words);
};
