import { err, ok, type Result } from 'neverthrow';
import { type Unsupported, unsupported } from '../../lib/errors.ts';
import type { SpawnPlan } from '../../lib/plan.ts';
import { isAtLeast, needsRelease } from './needs.ts';
import type { Tools } from './tools.ts';

/** What mounts proc where a plan wants it. */
export type ProcMounter =
  | { readonly type: 'unshare' }
  /** The words of mount(8) that come before the directory, once for each call; what fails before the last is no matter. */
  | { readonly type: 'mount'; readonly calls: readonly (readonly string[])[] };

/** mount(8) does nothing for a user that is not 0, whatever capabilities it has. */
const isRootInside = ({ namespaces, idMap }: SpawnPlan, { isRoot }: Tools): boolean =>
  namespaces.includes('user') ? idMap?.writer === 'self' && idMap.uid[0]?.inside === 0 : isRoot;

/**
 * Picks what mounts proc; null when the plan wants none.
 *
 * @remarks Before 2.38, unshare made the directory private first, which only a mount point can be.
 */
export const procMounter = (plan: SpawnPlan, tools: Tools): Result<ProcMounter | null, Unsupported> => {
  const { mountProc, propagation } = plan;
  if (mountProc === null) return ok(null);
  if (mountProc === '/proc' || isAtLeast(tools.version, '2.38')) return ok({ type: 'unshare' });
  if (tools.mount === null || !isRootInside(plan, tools)) {
    return err(unsupported('shell', `mountProc ${JSON.stringify(mountProc)}`, needsRelease('2.38', tools)));
  }
  return ok({
    type: 'mount',
    calls: [
      ...(propagation === 'private' ? [] : [[tools.mount, '--make-rprivate', '--']]),
      [tools.mount, '-t', 'proc', '-o', 'nosuid,nodev,noexec', '--', 'proc'],
    ],
  });
};
