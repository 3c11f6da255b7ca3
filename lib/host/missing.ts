import { COMMAND, ENVIRONMENT, FILE_CAPABILITIES, LINK, MODE, OWNER, PROBE, SPECIAL } from './evidence.ts';

const SPECIAL_WAYS: Readonly<Record<string, string>> = {
  [SPECIAL.caller]: 'id -u',
  [SPECIAL.log]: "dmesg | grep -E 'userns|apparmor|avc|too revealing|setuid-root'  # as root",
  [SPECIAL.config]:
    'zgrep -E "_NS=|CONFIG_NAMESPACES" /proc/config.gz || grep -E "_NS=|CONFIG_NAMESPACES" "/boot/config-$(uname -r)"',
  [SPECIAL.account]: 'getent passwd "$(id -u)"',
  [SPECIAL.root]:
    'for p in self 1; do readlink /proc/$p/ns/mnt; stat -L -c %d:%i /proc/$p/root; done  # as root; where the first line comes again, so does the second one, unless this is a chroot',
};

const SUFFIXES: Readonly<Record<string, (path: string) => string>> = {
  [OWNER]: (path) => `stat -c %u ${path}`,
  [MODE]: (path) => `stat -c %a ${path}`,
  [LINK]: (path) => `readlink ${path}`,
  [FILE_CAPABILITIES]: (path) => `getcap ${path}`,
};

/** The command that shows what stands in a source; null: it tells nothing by itself. */
export const howToRead = (source: string): string | null => {
  const special = SPECIAL_WAYS[source];
  if (special !== undefined) return special;
  if (source.startsWith(PROBE) || source === SPECIAL.typist || source === SPECIAL.ordinaryUser) return null;
  if (source.startsWith(COMMAND)) return `command -v ${source.slice(COMMAND.length)}`;
  if (source.startsWith(ENVIRONMENT)) return `printenv ${source.slice(ENVIRONMENT.length)}`;
  for (const [suffix, how] of Object.entries(SUFFIXES)) {
    if (source.endsWith(suffix)) return how(source.slice(0, -suffix.length));
  }
  if (source === '/proc/self/ns') return 'ls /proc/self/ns';
  return source.startsWith('/') ? `cat ${source}` : null;
};
