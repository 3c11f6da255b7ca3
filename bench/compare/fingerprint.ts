/** One fact of two machines that is not the same. */
export interface FactDifference {
  readonly fact: string;
  readonly before: string;
  readonly now: string;
}

/** Facts without which two runs are of different things. Load and free memory are not among them: they are weather. */
const FACTS = [
  ...['kernel', 'kernelBuild', 'kernelConfig', 'architecture', 'cpu', 'virtualization', 'mitigations', 'lsm'],
  ...['cgroupVersion', 'node', 'privileged', 'backends', 'peers', 'command'],
];

const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Every leaf of a value by its path: `cpu.model`. */
const leaves = (value: unknown, path: string): readonly (readonly [string, string])[] => {
  if (Array.isArray(value) && value.some(isPlain)) {
    return value.flatMap((one) =>
      leaves(one, `${path}.${isPlain(one) && 'name' in one ? String(one['name']) : value.indexOf(one)}`),
    );
  }
  if (isPlain(value)) return Object.entries(value).flatMap(([key, inner]) => leaves(inner, `${path}.${key}`));
  return [[path, Array.isArray(value) ? value.join(', ') : String(value)]];
};

type Facts = Readonly<Record<string, unknown>>;

/** Finds what two machines differ in, as their contexts tell; a fact that one of them does not know is one. */
export const findDifferences = (before: Facts, now: Facts): readonly FactDifference[] =>
  FACTS.flatMap((fact) => {
    const [old, current] = [new Map(leaves(before[fact] ?? null, fact)), new Map(leaves(now[fact] ?? null, fact))];
    return [...new Set([...old.keys(), ...current.keys()])].flatMap((path) => {
      const [was, is] = [old.get(path) ?? 'unknown', current.get(path) ?? 'unknown'];
      return was === is ? [] : [{ fact: path, before: was, now: is }];
    });
  });
