/** What may tell that the machine is a virtual one, as read; null where there is no such file. */
export interface VirtualizationClues {
  /** /proc/cpuinfo. */
  readonly cpuinfo: string | null;
  /** /sys/hypervisor/type. */
  readonly hypervisorType: string | null;
  /** /sys/class/dmi/id/sys_vendor. */
  readonly dmiVendor: string | null;
  /** /sys/class/dmi/id/product_name. */
  readonly dmiProduct: string | null;
  /** Whether /run/.containerenv or /.dockerenv is there. */
  readonly container: boolean;
}

/** Says in a few words what the machine runs in; null when nothing shows that it is not bare metal. */
export const describeVirtualization = (clues: VirtualizationClues): string | null => {
  // The processor shows this flag to guests only; DMI names the maker of real machines as well.
  const guest = clues.cpuinfo !== null && /^flags\s*:.*\bhypervisor\b/m.test(clues.cpuinfo);
  const dmi = [clues.dmiVendor, clues.dmiProduct].filter(Boolean).join(' ');
  const machine = guest || clues.hypervisorType !== null ? `virtual machine` : null;
  const maker = clues.hypervisorType ?? (guest && dmi !== '' ? dmi : null);
  const parts = [machine === null || maker === null ? machine : `${machine} (${maker})`];
  if (clues.container) parts.push('container');
  return parts.filter((part) => part !== null).join(', ') || null;
};
