import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { gunzipSync } from 'node:zlib';

/** Options of the kernel's build that change what processes and namespaces cost, without CONFIG_. */
const TELLING = [
  ...['HZ', 'PREEMPT_NONE', 'PREEMPT_VOLUNTARY', 'PREEMPT', 'PREEMPT_RT', 'PREEMPT_DYNAMIC', 'NR_CPUS'],
  ...['IPV6', 'NETFILTER', 'WIREGUARD', 'NET_IPGRE', 'IP_VS', 'CGROUPS', 'MEMCG', 'AUDIT', 'BPF_LSM'],
  ...['SECURITY_SELINUX', 'SECURITY_APPARMOR', 'INIT_ON_ALLOC_DEFAULT_ON', 'INIT_ON_FREE_DEFAULT_ON'],
  ...['HARDENED_USERCOPY', 'RANDOMIZE_KSTACK_OFFSET_DEFAULT', 'SLAB_FREELIST_HARDENED'],
  ...['KASAN', 'KCSAN', 'UBSAN', 'KFENCE', 'PROVE_LOCKING', 'DEBUG_LOCK_ALLOC', 'DEBUG_KMEMLEAK', 'SLUB_DEBUG_ON'],
] as const;

/** Reads those options from the text of a kernel's configuration; one that is not set is left out. */
export const tellingOptions = (config: string): Readonly<Record<string, string>> => {
  const known = new Map(
    [...config.matchAll(/^CONFIG_(\w+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
  return Object.fromEntries(
    TELLING.flatMap((name) => {
      const value = known.get(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
};

const attempt = (read: () => string): string | null => {
  try {
    return read();
  } catch {
    return null;
  }
};

/** How the running kernel was built, as far as that is told to us and matters here; null where it is not. */
export const readKernelConfig = (): Readonly<Record<string, string>> | null => {
  const config =
    attempt(() => gunzipSync(readFileSync('/proc/config.gz')).toString()) ??
    attempt(() => readFileSync(`/boot/config-${release()}`, 'utf8'));
  return config === null ? null : tellingOptions(config);
};
