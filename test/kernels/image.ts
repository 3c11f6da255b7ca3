import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Arch, Guest } from './guests.ts';
import { apt, DIR, run, unpack, unpackNpm } from './packages.ts';
import { makePolicies } from './policies.ts';

/** The guest's userland, always of this release. */
const USERLAND = 'bookworm';
const PACKAGES =
  'busybox-static dash bash bsdutils coreutils util-linux mount uidmap sed grep procps hostname findutils perl-base libc6 libstdc++6 \
libgcc-s1 libselinux1 libpcre2-8-0 libacl1 libattr1 libgmp10 libcap-ng0 libmount1 libblkid1 libsmartcols1 libuuid1 \
libtinfo6 zlib1g libcrypt1 libsubid4 libaudit1 libproc2-0 libpam0g libbsd0 libmd0 libsystemd0 liblzma5 libzstd1 \
liblz4-1 libcap2 libgcrypt20 libgpg-error0'.split(' ');
const NODE = '20.20.2';

/** Modules that claims and checks have a use for, in the order in which they go in. */
const MODULES = ['overlay', 'llc', 'stp', 'bridge', 'veth', 'macvlan', 'dummy'];

/** What is only there to make and lint the project. */
const LEFT_OUT =
  /^(?:@biomejs|@arethetypeswrong|@typescript|typescript|tshy|es-toolkit|@shikijs|zod|knip|react-dom|prismjs|highlight\.js|typedoc|oxc-.*|@oxc-.*|\.cache|publint|@gerrit0|@yuuang)$/;

/** A kernel and its modules, as Debian packs it: in one package, or in one for each. */
const fetchKernel = ({ release, arch }: Guest): { readonly image: string; readonly modules: string } => {
  const root = join(DIR, `kernel-${release}-${arch}`);
  mkdirSync(root, { recursive: true });
  const find = () => run('find', [root, '-name', 'vmlinuz*', '-type', 'f']).split('\n')[0] ?? '';
  if (find() === '') {
    const wantedBy = (name: string): string => run('apt-cache', [...apt(release, arch), 'depends', name]);
    const name = /Depends: (linux-image-\S+)/.exec(wantedBy(`linux-image-cloud-${arch}`))?.[1];
    if (name === undefined) throw new Error(`linux-image-cloud-${arch} of ${release} depends on no kernel`);
    const parts = [...wantedBy(name).matchAll(/Depends: (linux-(?:binary|modules)-\S+)/g)].map(([, part = '']) => part);
    unpack(release, arch, [name, ...parts], root);
  }
  return { image: find(), modules: root };
};

const pack = (root: string, image: string): void => {
  run('sh', ['-c', `find . | cpio -o -H newc -R 0:0 --quiet > '${image}'`], root);
};

const addProject = (root: string, npmArch: string): void => {
  const project = join(root, 'project');
  rmSync(project, { recursive: true, force: true });
  mkdirSync(join(project, 'node_modules'), { recursive: true });
  for (const file of ['dist', 'package.json']) cpSync(resolve(file), join(project, file), { recursive: true });
  for (const name of readdirSync('node_modules')) {
    if (LEFT_OUT.test(name)) continue;
    run('cp', ['-a', resolve('node_modules', name), join(project, 'node_modules', name)]);
  }
  const about = run('npm', ['view', '--json', 'ffi-rs@1.3.7', 'optionalDependencies']);
  const name = `@yuuang/ffi-rs-linux-${npmArch}-gnu`;
  const version = (JSON.parse(about) as Record<string, string>)[name] ?? '1.3.7';
  unpackNpm(name, version, join(project, 'node_modules', name));
};

const addUserland = (root: string, arch: Arch, npmArch: string): void => {
  // A list that has changed is another file system.
  const complete = join(root, `complete-${PACKAGES.length}`);
  if (existsSync(complete)) return;
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
  for (const name of ['newuidmap', 'newgidmap']) chmodSync(join(root, 'usr/bin', name), 0o4755);
  writeFileSync(complete, '');
};

/** What all guests of an architecture have: a userland, Node.js and the project. */
const makeBase = (arch: Arch): string => {
  const root = join(DIR, `root-${arch}`);
  const npmArch = arch === 'amd64' ? 'x64' : 'arm64';
  addUserland(root, arch, npmArch);
  addProject(root, npmArch);
  cpSync('test/kernels/init', join(root, 'init'));
  chmodSync(join(root, 'init'), 0o755);
  const image = join(DIR, `initramfs-${arch}`);
  pack(root, image);
  return image;
};

const bases = new Map<Arch, string>();

/** The kernel of a guest, and its file system as an initramfs: what all have, and then its own modules and policies. */
export const makeImage = (guest: Guest): { readonly kernel: string; readonly initramfs: string } => {
  const { image: kernel, modules } = fetchKernel(guest);
  const base = bases.get(guest.arch) ?? makeBase(guest.arch);
  bases.set(guest.arch, base);
  const root = join(DIR, `own-${guest.release}-${guest.arch}`);
  rmSync(root, { recursive: true, force: true });
  mkdirSync(join(root, 'modules'), { recursive: true });
  for (const [index, name] of MODULES.entries()) {
    const found =
      run('find', [modules, '-name', `${name}.ko*`])
        .trim()
        .split('\n')[0] ?? '';
    if (found === '') continue;
    const copy = join(root, 'modules', `${index}-${name}.ko`);
    if (found.endsWith('.xz')) run('sh', ['-c', `xz -dc '${found}' > '${copy}'`]);
    else cpSync(found, copy);
  }
  if (guest.policy !== undefined) cpSync(makePolicies(), join(root, 'policies'), { recursive: true });
  const own = join(DIR, `initramfs-own-${guest.release}-${guest.arch}`);
  pack(root, own);
  const initramfs = join(DIR, 'initramfs');
  run('sh', ['-c', `cat '${base}' '${own}' > '${initramfs}'`]);
  return { kernel, initramfs };
};
