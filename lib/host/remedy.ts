import { isInContainer } from './confinement.ts';
import { distributionFamily, type Family } from './distribution.ts';
import { SPECIAL } from './evidence.ts';
import type { Facts } from './facts.ts';

const isHostRoot = (facts: Facts): boolean => {
  const typist = facts.evidence.read(SPECIAL.typist);
  if (typist === 'root' || typist === 'user') return typist === 'root';
  return facts.inFirstUserNamespace() === true && facts.uid() === 0;
};

/** Marks commands that must be typed on the host, when we are in a container. */
const onTheHost = (facts: Facts, commands: readonly string[]): readonly string[] =>
  isInContainer(facts.confined()) ? commands.map((command) => `${command}  # on the host`) : commands;

/** A command that takes root. */
export const asRoot = (facts: Facts, command: string): string => (isHostRoot(facts) ? command : `sudo ${command}`);

/** Writes a line into a file that only root may write. */
export const writeLine = (facts: Facts, line: string, file: string): string =>
  `echo '${line}' | ${asRoot(facts, `tee ${file}`)}`;

/** Sets a sysctl: at once, and for the next boot. `file` must sort behind the one that set it otherwise. */
export const setSysctl = (facts: Facts, key: string, value: number, file: string): readonly string[] => {
  // Each user namespace has limits of its own, which its root may set, and nobody outside; those above it hold as well.
  if (key.startsWith('user.') && facts.inFirstUserNamespace() === false) {
    const command = `sysctl -w ${key}=${value}`;
    return [
      `${facts.uid() === 0 ? command : `sudo ${command}`}  # as root of this user namespace, which has a limit of its own`,
    ];
  }
  const now = asRoot(facts, `sysctl -w ${key}=${value}`);
  const later =
    distributionFamily(facts.evidence) === 'nixos'
      ? `boot.kernel.sysctl."${key}" = ${value};  # in configuration.nix, then nixos-rebuild switch`
      : writeLine(facts, `${key} = ${value}`, `/etc/sysctl.d/${file}`);
  return onTheHost(facts, [now, later]);
};

/** Adds an argument to the kernel's command line; in force after a reboot. */
export const addKernelArgument = (facts: Facts, argument: string, kernel: string): readonly string[] =>
  onTheHost(facts, [asRoot(facts, `grubby --args="${argument}" --update-kernel=${kernel}`), asRoot(facts, 'reboot')]);

/** Any other commands for the host. */
export const hostCommands = (facts: Facts, ...commands: readonly string[]): readonly string[] =>
  onTheHost(facts, commands);

const INSTALL: Readonly<Record<Family, readonly [install: string, again: string] | null>> = {
  debian: ['apt install', 'apt install --reinstall'],
  redhat: ['dnf install', 'dnf reinstall'],
  arch: ['pacman -S', 'pacman -S'],
  alpine: ['apk add', 'apk fix'],
  suse: ['zypper install', 'zypper install --force'],
  nixos: null,
  other: null,
};

/** Installs a package, or installs it anew, the way of this distribution. The caller's own distribution is meant, container or not. */
export const installPackage = (
  facts: Facts,
  names: Readonly<Partial<Record<Family, string>>> & { readonly other: string },
  again = false,
): readonly string[] => {
  const family = distributionFamily(facts.evidence);
  const commands = INSTALL[family];
  // The store has them without privilege; what has it is made anew at each boot.
  if (family === 'nixos') return ['export PATH=/run/wrappers/bin:$PATH  # where NixOS has what is setuid'];
  if (commands === null) return [`install the package that has it (${names.other})`];
  const command =
    family === 'redhat' && facts.el7() !== null ? commands.map((text) => text.replace('dnf', 'yum')) : commands;
  return [asRoot(facts, `${command[again ? 1 : 0]} ${names[family] ?? names.other}`)];
};
