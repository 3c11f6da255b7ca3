import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { arch, cpus, loadavg, release, version } from 'node:os';
import { readKernelConfig } from './kernel-config.ts';
import { type Mitigations, readMitigations } from './mitigations.ts';
import { describeVirtualization } from './virtualization.ts';

/** What a backend says of itself. */
export interface BackendContext {
  readonly name: string;
  readonly available: boolean;
  /** One line: how it works here, or why it cannot. */
  readonly line: string;
}

/** The machine that was measured, and who measured. */
export interface Context {
  readonly kernel: string;
  /** When and how the kernel was built, as uname(2) tells. */
  readonly kernelBuild: string;
  /** Options of its build that change what namespaces cost; null where they cannot be read. */
  readonly kernelConfig: Readonly<Record<string, string>> | null;
  /** Security modules, comma-separated. */
  readonly lsm: string | null;
  readonly cgroupVersion: 1 | 2 | null;
  readonly architecture: string;
  readonly cpu: {
    readonly model: string;
    readonly count: number;
    readonly microcode: string | null;
    readonly governor: string | null;
  };
  readonly node: string;
  /** Over 1, 5 and 15 minutes, when the run began. */
  readonly loadAverage: readonly number[];
  readonly virtualization: string | null;
  readonly mitigations: Mitigations;
  readonly uid: number;
  /** Whether the caller has CAP_SYS_ADMIN. */
  readonly privileged: boolean;
  readonly backends: readonly BackendContext[];
  /** Programs that were measured beside them, or could not be. */
  readonly peers: readonly BackendContext[];
}

const read = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
};

const FLAWS = '/sys/devices/system/cpu/vulnerabilities';

const flaws = (): ReadonlyMap<string, string> => {
  try {
    return new Map(readdirSync(FLAWS).map((name) => [name, read(`${FLAWS}/${name}`) ?? '']));
  } catch {
    return new Map();
  }
};

/** The bit of CAP_SYS_ADMIN in capabilities(7). */
const CAP_SYS_ADMIN = 21n;

/** Tells from /proc/PID/status whether CAP_SYS_ADMIN is effective. */
export const hasSysAdmin = (status: string): boolean => {
  const [, hex] = /^CapEff:\s*([0-9a-f]+)$/m.exec(status) ?? [];
  return hex !== undefined && ((BigInt(`0x${hex}`) >> CAP_SYS_ADMIN) & 1n) === 1n;
};

const cpuModel = (cpuinfo: string | null): string =>
  cpus()[0]?.model.trim() || /^model name\s*:\s*(.+)$/m.exec(cpuinfo ?? '')?.[1] || 'unknown';

/** Which cgroup hierarchy stands at its usual place. */
const cgroupVersion = (): 1 | 2 | null => {
  if (existsSync('/sys/fs/cgroup/cgroup.controllers')) return 2;
  return existsSync('/sys/fs/cgroup/memory') || existsSync('/sys/fs/cgroup/cpu') ? 1 : null;
};

/** Looks at the machine; runs nothing. */
export const readContext = (backends: readonly BackendContext[], peers: readonly BackendContext[] = []): Context => {
  const cpuinfo = read('/proc/cpuinfo');
  return {
    kernel: release(),
    kernelBuild: version(),
    kernelConfig: readKernelConfig(),
    lsm: read('/sys/kernel/security/lsm'),
    cgroupVersion: cgroupVersion(),
    architecture: arch(),
    cpu: {
      model: cpuModel(cpuinfo),
      count: Math.max(1, cpus().length),
      microcode: /^microcode\s*:\s*(\S+)$/m.exec(cpuinfo ?? '')?.[1] ?? null,
      governor: read('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor'),
    },
    node: process.version,
    loadAverage: loadavg(),
    virtualization: describeVirtualization({
      cpuinfo,
      hypervisorType: read('/sys/hypervisor/type'),
      dmiVendor: read('/sys/class/dmi/id/sys_vendor'),
      dmiProduct: read('/sys/class/dmi/id/product_name'),
      container: existsSync('/run/.containerenv') || existsSync('/.dockerenv'),
    }),
    mitigations: readMitigations(flaws()),
    uid: process.getuid?.() ?? 0,
    privileged: hasSysAdmin(read('/proc/self/status') ?? ''),
    backends,
    peers,
  };
};
