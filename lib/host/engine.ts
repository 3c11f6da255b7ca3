import { MARKS } from './confinement.ts';
import type { Facts } from './facts.ts';
import { hostCommands } from './remedy.ts';

/** What makes a container, as far as it leaves marks; Docker where it leaves none. */
type Engine = 'docker' | 'podman' | 'kubernetes';

const engineOf = ({ evidence: { read } }: Facts): Engine => {
  if (typeof read(MARKS.kubernetes) === 'string' || /\/kubepods[-/.]/.test(read(MARKS.cgroup) ?? ''))
    return 'kubernetes';
  return typeof read(MARKS.podman) === 'string' || read(MARKS.variable) === 'podman' ? 'podman' : 'docker';
};

/** What an engine is to be told: options of `run`, or fields of a pod. */
type EngineWords = Readonly<Record<'options' | 'fields', readonly string[]>> & {
  /** Where Podman has other options than Docker. */
  readonly podman?: readonly string[];
};

/** How a container is to be started anew, in the words of the engine that made it. */
export const inEngine = (facts: Facts, { options, fields, podman = options }: EngineWords): readonly string[] => {
  switch (engineOf(facts)) {
    case 'kubernetes':
      return fields.map((field) => `${field}  # in the spec of the pod`);
    case 'podman':
      return hostCommands(facts, ...podman.map((option) => `podman run ${option} ...`));
    case 'docker':
      return hostCommands(facts, ...options.map((option) => `docker run ${option} ...`));
  }
};
