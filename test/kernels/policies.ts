import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { POLICIES, type Policy } from './guests.ts';
import { DIR, run, unpack } from './packages.ts';

/** The compilers of this release know what the kernels of the guests know, whatever this machine has. */
const RELEASE = 'trixie';

const PROFILE = 'ns_guest';

/** A profile for Node.js that allows everything but what is left out; what a carrier is executed from has no path. */
const profile = (...more: readonly string[]): string =>
  `abi <abi/4.0>,
profile ${PROFILE} /usr/bin/node flags=(attach_disconnected) {
${['file', '/** ix', 'network', 'umount', 'signal', 'ptrace', 'unix', 'mqueue', ...more].map((rule) => `  ${rule},`).join('\n')}
}
`;

const APPARMOR: Readonly<Partial<Record<Policy, string>>> = {
  'apparmor-no-userns': profile('capability', 'mount', 'pivot_root'),
  // What an ordinary user's namespaces are like on Ubuntu 24.04: they are there, and give no capability.
  'apparmor-no-capabilities': profile('userns', 'mount', 'pivot_root', 'capability setuid', 'capability setgid'),
};

/** One domain that may make user namespaces, and one that may not; classes that are left out are allowed to all. */
const SELINUX = `
(handleunknown allow)
(mls false)
(class process (transition dyntransition))
(class user_namespace (create))
(classorder (process user_namespace))
(sensitivity s0)
(sensitivityorder (s0))
(sid kernel)
(sid unlabeled)
(sid file)
(sidorder (kernel unlabeled file))
(user u)
(role r)
(role object_r)
(userrole u r)
(userlevel u (s0))
(userrange u ((s0) (s0)))
(type kernel_t)
(type denied_t)
(roletype r kernel_t)
(roletype r denied_t)
(roletype object_r kernel_t)
(sidcontext kernel (u r kernel_t ((s0) (s0))))
(sidcontext unlabeled (u r kernel_t ((s0) (s0))))
(sidcontext file (u r kernel_t ((s0) (s0))))
(allow kernel_t self (process (transition dyntransition)))
(allow kernel_t denied_t (process (transition dyntransition)))
(allow denied_t self (process (transition dyntransition)))
(allow kernel_t self (user_namespace (create)))
`;

/** The policies as kernels read them: a directory with a file for each. */
export const makePolicies = (): string => {
  const dir = join(DIR, 'policies');
  const tools = join(dir, 'tools');
  const out = join(dir, 'out');
  if (!existsSync(join(tools, 'usr/bin/secilc')))
    unpack(RELEASE, 'amd64', ['apparmor', 'secilc', 'libsepol2', 'libc6', 'libstdc++6', 'libgcc-s1'], tools);
  mkdirSync(out, { recursive: true });
  const tool = (path: string, ...args: readonly string[]): string =>
    run(join(tools, 'usr/lib64/ld-linux-x86-64.so.2'), [
      '--library-path',
      join(tools, 'usr/lib/x86_64-linux-gnu'),
      join(tools, path),
      ...args,
    ]);
  for (const policy of POLICIES) {
    const source = join(dir, policy);
    const text = APPARMOR[policy];
    writeFileSync(source, text ?? SELINUX);
    const file = join(out, policy);
    if (text === undefined) tool('usr/bin/secilc', '-c', '33', '-f', '/dev/null', '-o', file, source);
    else {
      const base = join(tools, 'etc/apparmor.d');
      const features = join(base, 'abi/4.0');
      tool('usr/sbin/apparmor_parser', '-q', '-Q', '-K', '-b', base, '-M', features, '-o', file, source);
    }
  }
  return out;
};
