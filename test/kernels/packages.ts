import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Arch } from './guests.ts';

/** Where what was fetched and made is kept. */
export const DIR = process.env['NS_KERNELS_DIR'] ?? join(homedir(), '.cache/linux-namespaces-kernels');

/** Runs a command; its output. */
export const run = (command: string, args: readonly string[], cwd = DIR): string => {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', maxBuffer: 2 ** 28 });
  if (status !== 0) throw new Error(`${command} ${args.slice(0, 6).join(' ')}: ${error?.message ?? stderr.trim()}`);
  return stdout;
};

/** Where this machine has Debian's packages from: other releases and architectures are there, too. */
const archive = (): string => {
  const lines = run('apt-get', ['indextargets', '--format', '$(LABEL)\t$(REPO_URI)', 'Identifier: Packages'], '/');
  const found = lines.split('\n').find((line) => line.startsWith('Debian\t'));
  if (found === undefined) throw new Error('apt-get knows no archive of Debian here (after apt-get update)');
  return found.split('\t')[1] ?? '';
};

/** Options for an apt-get that knows one release and architecture, and nothing of this machine. */
export const apt = (release: string, arch: Arch): readonly string[] => {
  const root = join(DIR, `apt-${release}-${arch}`);
  const option = (name: string, value: string): string[] => ['-o', `${name}=${value}`];
  const options = [
    ...option('Dir::Etc::sourcelist', join(root, 'sources.list')),
    ...option('Dir::Etc::sourceparts', '-'),
    ...option('Dir::State::Lists', join(root, 'lists')),
    ...option('Dir::State::status', join(root, 'status')),
    ...option('Dir::Cache', join(root, 'cache')),
    ...option('APT::Architecture', arch),
    ...option('APT::Architectures', arch),
    ...option('APT::Sandbox::User', 'root'),
    ...option('Debug::NoLocking', '1'),
  ];
  if (existsSync(join(root, 'updated'))) return options;
  for (const dir of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(root, dir), { recursive: true });
  writeFileSync(join(root, 'status'), '');
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
  writeFileSync(join(root, 'sources.list'), `deb [arch=${arch} signed-by=${keyring}] ${archive()} ${release} main\n`);
  run('apt-get', [...options, 'update', '-qq']);
  writeFileSync(join(root, 'updated'), '');
  return options;
};

/** Unpacks packages into a directory, without installing anything. */
export const unpack = (release: string, arch: Arch, packages: readonly string[], into: string): void => {
  const debs = join(DIR, `debs-${release}-${arch}`);
  for (const dir of [debs, into]) mkdirSync(dir, { recursive: true });
  run('apt-get', [...apt(release, arch), 'download', '-qq', ...packages], debs);
  for (const name of packages) {
    const file = readdirSync(debs).find((deb) => deb.startsWith(`${name}_`));
    if (file === undefined) throw new Error(`No package ${name}`);
    run('dpkg', ['-x', join(debs, file), into]);
  }
};

/** Unpacks a package of npm, without installing anything. */
export const unpackNpm = (name: string, version: string, into: string): void => {
  const file =
    run('npm', ['pack', '--silent', `${name}@${version}`])
      .trim()
      .split('\n')
      .at(-1) ?? '';
  mkdirSync(into, { recursive: true });
  run('tar', ['-xzf', join(DIR, file), '-C', into, '--strip-components=1']);
};
