import { NAMESPACES, type NamespaceType } from '../namespace.ts';

/** The namespaces that an option of unshare(1) makes, beside those of the types' own options. */
const IMPLIED: Readonly<Record<string, readonly NamespaceType[]>> = {
  'map-root-user': ['user'],
  'map-current-user': ['user'],
  'map-auto': ['user'],
  'map-user': ['user'],
  'map-group': ['user'],
  'map-users': ['user'],
  'map-groups': ['user'],
  'mount-proc': ['mnt'],
};

const IMPLIED_LETTERS: Readonly<Record<string, readonly NamespaceType[]>> = { r: ['user'], c: ['user'] };

/** Options of unshare(1) whose value may be the next word. */
const TAKES_WORD =
  /^(?:-[a-zA-Z]*[SGRwl]|--(?:set[ug]id|root|wd|propagation|setgroups|monotonic|boottime|map-(?:user|group)s?))$/;

const TYPES = Object.keys(NAMESPACES) as readonly NamespaceType[];

const byOption = (option: string): readonly NamespaceType[] => {
  if (!option.startsWith('--'))
    return [...option.replace(/[SGRwl].*/, '').slice(1)].flatMap(
      (letter) => IMPLIED_LETTERS[letter] ?? TYPES.filter((type) => NAMESPACES[type].letter === letter),
    );
  const name = option.slice(2).replace(/=.*/, '');
  return IMPLIED[name] ?? TYPES.filter((type) => NAMESPACES[type].option === name);
};

/** The words behind a command, up to the end of its line, or to a mark that ends it. */
const wordsBehind = (command: string, text: string): readonly (readonly string[])[] =>
  [...text.matchAll(new RegExp(String.raw`(?:^|[\s/\`'"$])${command}[ \t]+(-[^\n\`'";|]*)`, 'gm'))].map(
    ([, words = '']) => words.trim().split(/\s+/),
  );

/** The options of unshare(1): they end where the program's name stands. */
const unshareOptions = (words: readonly string[]): readonly string[] => {
  const end = words.findIndex(
    (word, index) => word === '--' || (!word.startsWith('-') && !TAKES_WORD.test(words[index - 1] ?? '')),
  );
  return (end < 0 ? words : words.slice(0, end)).filter((word) => word.startsWith('-'));
};

/** bwrap(1) has words of its own. */
const byBwrapOption = (option: string): readonly NamespaceType[] => {
  if (option === '--unshare-all') return ['mnt', 'user', 'ipc', 'pid', 'net', 'uts', 'cgroup'];
  const name = /^--unshare-(\w+?)(?:-try)?$/.exec(option)?.[1];
  return TYPES.filter((type) => type === name);
};

/** The namespaces that command lines of unshare(1) and bwrap(1) ask for, where such stand in a message. */
export const toldNamespaces = (text: string, caller: 'root' | 'user' = 'user'): readonly NamespaceType[] => {
  const wrapped = wordsBehind('bwrap', text).flat().flatMap(byBwrapOption);
  // It mounts always, and makes a user namespace by itself for who is not root.
  const own: readonly NamespaceType[] = caller === 'root' ? ['mnt'] : ['mnt', 'user'];
  return [
    ...new Set([
      ...wordsBehind('unshare', text).flatMap(unshareOptions).flatMap(byOption),
      ...wrapped,
      ...(wrapped.length === 0 ? [] : own),
    ]),
  ];
};

/** The option of engines that leaves a container in the host's pid namespace. */
export const HOST_PIDS = /--pid[= ]host\b/;

/** A line of an id map, as a command gives it. */
export interface ToldRange {
  /** The first outside id. */
  readonly first: number;
  readonly count: number;
  readonly text: string;
}

/** The ranges that a helper was told to map, where its command stands in a message: inside, outside and count, and so on. */
export const toldRanges = (text: string, helper: 'newuidmap' | 'newgidmap'): readonly ToldRange[] => {
  const words = new RegExp(String.raw`${helper}[\`'"]? \d+ \[?((?:\d+ ){2,}\d+)`).exec(text)?.[1]?.split(' ') ?? [];
  return words.flatMap((inside, index) => {
    const [first, count] = [words[index + 1], words[index + 2]];
    if (index % 3 !== 0 || first === undefined || count === undefined) return [];
    return [{ first: Number(first), count: Number(count), text: [inside, first, count].join(' ') }];
  });
};
