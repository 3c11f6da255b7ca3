import { isIPv4, isIPv6 } from 'node:net';

/** An IPv4 or IPv6 address, as it goes over the wire. */
export interface IpAddress {
  readonly family: 4 | 6;
  /** Four or sixteen bytes, in network order. */
  readonly bytes: readonly number[];
}

/** An address with the length of its network's prefix, bits. */
export interface IpNetwork extends IpAddress {
  readonly prefix: number;
}

const ipv4Bytes = (text: string): readonly number[] => text.split('.').map(Number);

/** The groups of one side of `::`; a dotted tail counts for two. */
const groupBytes = (side: string): readonly number[] =>
  side === ''
    ? []
    : side.split(':').flatMap((group) => {
        if (group.includes('.')) return ipv4Bytes(group);
        const value = Number.parseInt(group, 16);
        return [value >> 8, value & 0xff];
      });

const ipv6Bytes = (text: string): readonly number[] => {
  const [head = '', tail] = text.split('::');
  const [before, after] = [groupBytes(head), groupBytes(tail ?? '')];
  return [...before, ...Array<number>(16 - before.length - after.length).fill(0), ...after];
};

/** Reads an address; null for what is none. Zones (`fe80::1%eth0`) are none. */
export const parseIp = (text: unknown): IpAddress | null => {
  if (typeof text !== 'string' || text.includes('%')) return null;
  if (isIPv4(text)) return { family: 4, bytes: ipv4Bytes(text) };
  return isIPv6(text) ? { family: 6, bytes: ipv6Bytes(text) } : null;
};

/** Reads an address with its prefix: `10.0.0.1/24`; null for what is none. */
export const parseIpNetwork = (text: unknown): IpNetwork | null => {
  if (typeof text !== 'string') return null;
  const [, address, digits] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const ip = parseIp(address);
  const prefix = Number(digits);
  return ip === null || prefix > ip.bytes.length * 8 ? null : { ...ip, prefix };
};

/** An address as RFC 5952 writes it. */
export const formatIp = (bytes: ArrayLike<number>): string => {
  const list = Array.from(bytes);
  if (list.length === 4) return list.join('.');
  const groups: string[] = [];
  for (let at = 0; at < 16; at += 2) groups.push((((list[at] ?? 0) << 8) | (list[at + 1] ?? 0)).toString(16));
  // The longest run of zeros, the first among equals, becomes "::".
  let [start, length] = [-1, 1];
  for (let at = 0; at < 8; at += 1) {
    let end = at;
    while (end < 8 && groups[end] === '0') end += 1;
    if (end - at > length) [start, length] = [at, end - at];
    if (end > at) at = end;
  }
  return start < 0
    ? groups.join(':')
    : `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`;
};

/** An address with its prefix. */
export const formatIpNetwork = ({ bytes, prefix }: IpNetwork): string => `${formatIp(bytes)}/${prefix}`;
