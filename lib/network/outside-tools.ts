/** The programs that connect a network to outside without privilege. */
export type OutsideTool = 'pasta' | 'slirp4netns';

export const OUTSIDE_TOOLS: readonly OutsideTool[] = ['pasta', 'slirp4netns'];

/** What is connected: the network of a process. */
export interface OutsideTarget {
  readonly pid: number;
  /** It belongs to another user namespace than the one that the tool runs in. */
  readonly isForeign: boolean;
  /** The name of the interface inside. */
  readonly name: string;
}

/** What a tool is called with: it stays in the foreground, and what listens on this machine itself is out of reach. */
export const outsideArguments = (tool: OutsideTool, { pid, isForeign, name }: OutsideTarget): readonly string[] => {
  if (tool === 'slirp4netns') return ['--configure', '--mtu=65520', '--disable-host-loopback', `${pid}`, name];
  // It would become nobody, who may open nothing of root's.
  const self = process.geteuid?.() === 0 ? ['--runas', '0'] : [];
  const ports = ['-t', 'none', '-u', 'none', '-T', 'none', '-U', 'none'];
  // Of a process it would join the user namespace, of a path it does not.
  const target = isForeign ? [`${pid}`] : ['--netns', `/proc/${pid}/ns/net`];
  return [
    ...['--foreground', '--quiet', '--config-net', '--ns-ifname', name, '--no-map-gw'],
    ...ports,
    ...self,
    ...target,
  ];
};
