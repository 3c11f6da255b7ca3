// Boots kernels that are not this one under qemu, and runs ns-check and the contract suite's ffi part in each, as root and
// as an ordinary user:
//   npm run test:kernels [-- KERNEL...]
// Wants Debian's apt-get and dpkg, qemu-system-x86, qemu-system-arm and cpio. NS_KERNELS_DIR keeps what was fetched;
// NS_KERNELS_CLAIMS picks claims by a word, `none` leaves them out.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import Table from 'cli-table3';
import type { CheckReport } from '../../lib/index.ts';

type Arch = 'amd64' | 'arm64';

interface Kernel {
  readonly name: string;
  readonly release: string;
  readonly arch: Arch;
  readonly append?: string;
  /** The cause that ns-check is to name for an ordinary user; null: everything works. */
  readonly userCause: string | null;
}

const KERNELS: readonly Kernel[] = [
  { name: '5.10', release: 'bullseye', arch: 'amd64', userCause: null },
  { name: '6.1', release: 'bookworm', arch: 'amd64', userCause: null },
  {
    name: '6.1-clone-off',
    release: 'bookworm',
    arch: 'amd64',
    append: 'ns.clone=0',
    userCause: 'unprivileged-userns-clone-off',
  },
  { name: '6.12', release: 'trixie', arch: 'amd64', userCause: null },
  { name: '6.1-arm64', release: 'bookworm', arch: 'arm64', userCause: null },
];

/** The guest's userland, always of this release. */
const USERLAND = 'bookworm';
const PACKAGES = [
  'busybox-static',
  'dash',
  'coreutils',
  'util-linux',
  'mount',
  'uidmap',
  'sed',
  'grep',
  'procps',
  'hostname',
  'findutils',
  'libc6',
  'libstdc++6',
  'libgcc-s1',
  'libselinux1',
  'libpcre2-8-0',
  'libacl1',
  'libattr1',
  'libgmp10',
  'libcap-ng0',
  'libmount1',
  'libblkid1',
  'libsmartcols1',
  'libuuid1',
  'libtinfo6',
  'zlib1g',
  'libcrypt1',
  'libsubid4',
  'libaudit1',
  'libproc2-0',
  'libpam0g',
  'libbsd0',
  'libmd0',
  'libsystemd0',
  'liblzma5',
  'libzstd1',
  'liblz4-1',
  'libcap2',
  'libgcrypt20',
  'libgpg-error0',
];
const NODE = '20.20.2';

/** What is only there to make and lint the project. */
const LEFT_OUT =
  /^(?:@biomejs|@arethetypeswrong|@typescript|typescript|tshy|es-toolkit|@shikijs|zod|knip|react-dom|prismjs|highlight\.js|typedoc|oxc-.*|@oxc-.*|\.cache|publint|@gerrit0|@yuuang)$/;

const DIR = process.env['NS_KERNELS_DIR'] ?? join(homedir(), '.cache/linux-namespaces-kernels');
const CLAIMS = process.env['NS_KERNELS_CLAIMS'] ?? '';
const BOOT_TIMEOUT_MS = CLAIMS === 'none' ? 180_000 : 3_600_000;

const run = (command: string, args: readonly string[], cwd = DIR): string => {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', maxBuffer: 2 ** 28 });
  if (status !== 0) throw new Error(`${command} ${args.slice(0, 6).join(' ')}: ${error?.message ?? stderr.trim()}`);
  return stdout;
};

/** Options for an apt-get that knows one release and architecture, and nothing of this machine. */
const apt = (release: string, arch: Arch): readonly string[] => {
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
  writeFileSync(
    join(root, 'sources.list'),
    `deb [arch=${arch} signed-by=${keyring}] http://deb.debian.org/debian ${release} main\n`,
  );
  run('apt-get', [...options, 'update', '-qq']);
  writeFileSync(join(root, 'updated'), '');
  return options;
};

/** Unpacks packages into a directory, without installing anything. */
const unpack = (release: string, arch: Arch, packages: readonly string[], into: string): void => {
  const debs = join(DIR, `debs-${release}-${arch}`);
  mkdirSync(debs, { recursive: true });
  run('apt-get', [...apt(release, arch), 'download', '-qq', ...packages], debs);
  for (const name of packages) {
    const file = readdirSync(debs).find((deb) => deb.startsWith(`${name}_`));
    if (file === undefined) throw new Error(`No package ${name}`);
    run('dpkg', ['-x', join(debs, file), into]);
  }
};

const fetchKernel = ({ release, arch }: Kernel): string => {
  const root = join(DIR, `kernel-${release}-${arch}`);
  const find = () =>
    existsSync(join(root, 'boot'))
      ? readdirSync(join(root, 'boot')).find((file) => file.startsWith('vmlinuz'))
      : undefined;
  if (find() === undefined) {
    const text = run('apt-cache', [...apt(release, arch), 'depends', `linux-image-cloud-${arch}`]);
    const name = /Depends: (linux-image-\S+)/.exec(text)?.[1];
    if (name === undefined) throw new Error(`linux-image-cloud-${arch} of ${release} depends on no kernel`);
    unpack(release, arch, [name], root);
  }
  return join(root, 'boot', find() ?? '');
};

const unpackNpm = (name: string, version: string, into: string): void => {
  const file =
    run('npm', ['pack', '--silent', `${name}@${version}`])
      .trim()
      .split('\n')
      .at(-1) ?? '';
  mkdirSync(into, { recursive: true });
  run('tar', ['-xzf', join(DIR, file), '-C', into, '--strip-components=1']);
};

/** The guest's file system, as an initramfs. */
const makeInitramfs = (arch: Arch): string => {
  const root = join(DIR, `root-${arch}`);
  const npmArch = arch === 'amd64' ? 'x64' : 'arm64';
  if (!existsSync(join(root, 'complete'))) {
    rmSync(root, { recursive: true, force: true });
    mkdirSync(root, { recursive: true });
    unpack(USERLAND, arch, PACKAGES, root);
    for (const dir of ['usr/share/doc', 'usr/share/locale', 'usr/share/man', 'usr/share/bash-completion'])
      rmSync(join(root, dir), { recursive: true, force: true });
    const node = join(DIR, `node-${arch}`);
    unpackNpm(`node-linux-${npmArch}`, NODE, node);
    cpSync(join(node, 'bin/node'), join(root, 'usr/bin/node'));
    for (const dir of ['dev', 'proc', 'sys', 'tmp', 'root', 'run', 'var/tmp', 'etc'])
      mkdirSync(join(root, dir), { recursive: true });
    writeFileSync(
      join(root, 'etc/passwd'),
      'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/tmp:/bin/sh\njo:x:1000:1000::/tmp:/bin/sh\n',
    );
    writeFileSync(join(root, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\njo:x:1000:\n');
    for (const file of ['subuid', 'subgid']) writeFileSync(join(root, 'etc', file), 'jo:100000:65536\n');
    writeFileSync(join(root, 'etc/os-release'), 'ID=debian\nPRETTY_NAME="Debian GNU/Linux (guest)"\n');
    if (!existsSync(join(root, 'bin/sh'))) symlinkSync('dash', join(root, 'bin/sh'));
    writeFileSync(join(root, 'complete'), '');
  }
  const project = join(root, 'project');
  rmSync(project, { recursive: true, force: true });
  mkdirSync(join(project, 'node_modules'), { recursive: true });
  for (const file of ['dist', 'package.json']) cpSync(resolve(file), join(project, file), { recursive: true });
  for (const name of readdirSync('node_modules')) {
    if (LEFT_OUT.test(name)) continue;
    run('cp', ['-a', resolve('node_modules', name), join(project, 'node_modules', name)]);
  }
  const ffi = JSON.parse(run('npm', ['view', '--json', 'ffi-rs@1.3.7', 'optionalDependencies'])) as Record<
    string,
    string
  >;
  const name = `@yuuang/ffi-rs-linux-${npmArch}-gnu`;
  unpackNpm(name, ffi[name] ?? '1.3.7', join(project, 'node_modules', name));
  cpSync('test/kernels/init', join(root, 'init'));
  chmodSync(join(root, 'init'), 0o755);
  chmodSync(join(root, 'usr/bin/newuidmap'), 0o4755);
  chmodSync(join(root, 'usr/bin/newgidmap'), 0o4755);
  const image = join(DIR, `initramfs-${arch}`);
  run('sh', ['-c', `find . | cpio -o -H newc -R 0:0 --quiet > '${image}'`], root);
  return image;
};

const QEMU: Readonly<Record<Arch, readonly string[]>> = {
  amd64: ['qemu-system-x86_64', '-accel', 'tcg', '-cpu', 'max'],
  arm64: ['qemu-system-aarch64', '-M', 'virt', '-cpu', 'max,pauth-impdef=on'],
};

/** Boots a kernel; everything that the guest wrote. qemu ends with 0 even when the guest panics: only what it wrote counts. */
const boot = (kernel: Kernel, image: string, initramfs: string): Promise<string> =>
  new Promise((done) => {
    const console = kernel.arch === 'amd64' ? 'ttyS0' : 'ttyAMA0';
    const append = `console=${console} quiet panic=-1 ns.claims=${CLAIMS.replaceAll(' ', '+')} ${kernel.append ?? ''}`;
    const [command = '', ...machine] = QEMU[kernel.arch];
    const args = [
      ...machine,
      '-m',
      '3072',
      '-smp',
      '2',
      '-nographic',
      '-no-reboot',
      '-nic',
      'none',
      '-kernel',
      image,
      '-initrd',
      initramfs,
      '-append',
      append,
    ];
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), BOOT_TIMEOUT_MS);
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
    });
    child.on('error', (error) => {
      text += error.message;
    });
    child.on('close', () => {
      clearTimeout(timer);
      done(text.replaceAll('\r', ''));
    });
  });

const partOf = (text: string, who: string, what: string): string =>
  new RegExp(`NS-BEGIN ${who} ${what}\n([\\s\\S]*?)NS-END`).exec(text)?.[1] ?? '';

interface Row {
  readonly kernel: string;
  readonly claim: string;
  readonly result: string;
  readonly isRight: boolean;
}

const judge = (kernel: Kernel, text: string): readonly Row[] => {
  const row = (claim: string, result: string, isRight: boolean): Row => ({
    kernel: kernel.name,
    claim,
    result,
    isRight,
  });
  const rows = [
    row('boots, and powers off', text.includes('NS-DONE') ? 'yes' : text.slice(-300), text.includes('NS-DONE')),
  ];
  for (const who of ['root', 'user'] as const) {
    const json = partOf(text, who, 'check');
    let report: CheckReport;
    try {
      report = JSON.parse(json.slice(json.indexOf('{')));
    } catch {
      rows.push(row(`ns-check as ${who}`, json.slice(0, 200) || 'nothing', false));
      continue;
    }
    const wanted = (one: CheckReport['subjects'][number]) => (who === 'root' ? true : one.who === 'user');
    for (const subject of report.subjects.filter(wanted)) {
      const name = `ns-check as ${who}: ${subject.who}${subject.inUserNamespace && subject.who === 'root' ? ' in user' : ''}`;
      const blocked = subject.verdicts
        .filter(({ state }) => state !== 'works')
        .map(({ check, cause, errno }) => `${check} (${cause ?? errno ?? 'unknown'})`);
      const works = subject.verdicts.length - blocked.length;
      const cause = subject.verdicts.find(({ check }) => check === 'user')?.cause ?? null;
      const expected = subject.who === 'user' ? kernel.userCause : null;
      const isRight = (subject.inUserNamespace && subject.who === 'root') || cause === expected ? works > 0 : false;
      rows.push(row(name, `${works} work${blocked.length === 0 ? '' : `; not: ${blocked.join(', ')}`}`, isRight));
    }
    if (kernel.userCause !== null) {
      const remedy = report.findings.find(({ cause }) => cause === kernel.userCause)?.remedy[0];
      rows.push(
        row(
          `ns-check as ${who}: remedy`,
          remedy ?? 'none',
          remedy?.includes('kernel.unprivileged_userns_clone=1') === true,
        ),
      );
    }
    if (CLAIMS === 'none') continue;
    const tap = partOf(text, who, 'contract');
    const bad = [...tap.matchAll(/^ +not ok \d+ - (.*?)(?: # time.*)?$/gm)].map(([, title]) => title ?? '');
    const counts = /^# \{(.*)\}$/m.exec(tap)?.[1]?.trim() ?? 'no summary';
    const failed = bad.filter((title) => !/^should|^nothing is left/.test(title));
    const isExpected = kernel.userCause !== null && who === 'user';
    rows.push(
      row(
        `contract on ffi as ${who}`,
        `${counts}${failed.length === 0 ? '' : `; not ok: ${failed.slice(0, 12).join('; ')}`}`,
        isExpected || (counts !== 'no summary' && failed.length === 0),
      ),
    );
  }
  return rows;
};

mkdirSync(DIR, { recursive: true });
const names = process.argv.slice(2);
const chosen = names.length === 0 ? KERNELS : KERNELS.filter(({ name }) => names.includes(name));
const initramfs = new Map([...new Set(chosen.map(({ arch }) => arch))].map((arch) => [arch, makeInitramfs(arch)]));
const rows: Row[] = [];
for (const kernel of chosen) {
  console.error(`booting ${kernel.name} (${kernel.arch})`);
  const text = await boot(kernel, fetchKernel(kernel), initramfs.get(kernel.arch) ?? '');
  writeFileSync(join(DIR, `console-${kernel.name}`), text);
  rows.push(...judge(kernel, text));
}
const table = new Table({
  head: ['kernel', 'claim', 'result', ''],
  style: { head: [], border: [] },
  colWidths: [15, 30, 80, 7],
  wordWrap: true,
});
for (const { kernel, claim, result, isRight } of rows) table.push([kernel, claim, result, isRight ? 'right' : 'WRONG']);
console.log(table.toString());
process.exitCode = rows.every(({ isRight }) => isRight) ? 0 : 1;
