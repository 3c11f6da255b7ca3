import { err, ok, Result } from 'neverthrow';
import { formatIp } from '../../../lib/ip-address.ts';
import type { AddressState, LinkState, NetworkState, RouteState } from '../../../lib/network-state.ts';
import {
  IFA,
  IFA_F,
  IFADDRMSG,
  IFF,
  IFINFOMSG,
  IFLA,
  NLM_F,
  NLMSG,
  RT,
  RTA,
  RTM,
  RTMSG,
  SOCKET,
} from '../abi/netlink.ts';
import {
  type MalformedNetlink,
  type NetlinkMessage,
  parseAttributes,
  parseError,
  parseMessages,
  text,
} from './parser.ts';

/** Why an answer is none: it cannot be read, the kernel refused, or what was told changed meanwhile. */
type DumpError =
  | MalformedNetlink
  | { readonly type: 'refused'; readonly errno: number }
  | { readonly type: 'interrupted' };

type Read<T> = Result<T, DumpError>;
type Attributes = ReadonlyMap<number, Buffer>;

const malformed = (message: string): MalformedNetlink => ({ type: 'malformed-netlink', message });

/** Messages of one answer: every part up to NLMSG_DONE, without it. */
const DUMPS = 3;

const u32 = (attributes: Attributes, type: number): number | null => {
  const bytes = attributes.get(type);
  return bytes === undefined || bytes.length < 4 ? null : bytes.readUInt32LE(0);
};

const address = (bytes: Buffer | undefined): string | null =>
  bytes !== undefined && (bytes.length === 4 || bytes.length === 16) ? formatIp(bytes) : null;

const STATES = ['unknown', 'notpresent', 'down', 'lowerlayerdown', 'testing', 'dormant', 'up'] as const;

/** linux/rtnetlink.h: enum rt_scope_t */
const SCOPES: Readonly<Record<number, AddressState['scope']>> = {
  0: 'global',
  200: 'site',
  253: 'link',
  254: 'host',
  255: 'nowhere',
};

const fixed = ({ payload, type }: NetlinkMessage, size: number): Read<Attributes> =>
  payload.length < size
    ? err(malformed(`A message of type ${type} has ${payload.length} bytes`))
    : parseAttributes(payload.subarray(size));

/** Reads an RTM_NEWLINK or RTM_DELLINK. */
export const linkOf = (message: NetlinkMessage): Read<Omit<LinkState, 'addresses'>> =>
  fixed(message, IFINFOMSG.size).andThen((attributes) => {
    const { payload } = message;
    const info = parseAttributes(attributes.get(IFLA.IFLA_LINKINFO) ?? Buffer.alloc(0));
    return info.map((about) => {
      const kind = about.get(IFLA.IFLA_INFO_KIND);
      const mac = attributes.get(IFLA.IFLA_ADDRESS);
      return {
        index: payload.readInt32LE(IFINFOMSG.index),
        name: text(attributes.get(IFLA.IFLA_IFNAME) ?? Buffer.alloc(0)),
        kind: kind === undefined ? null : text(kind),
        mac: mac === undefined || mac.length !== 6 ? null : (mac.toString('hex').match(/../g) ?? []).join(':'),
        mtu: u32(attributes, IFLA.IFLA_MTU) ?? 0,
        up: (payload.readUInt32LE(IFINFOMSG.flags) & IFF.IFF_UP) !== 0,
        state: STATES[attributes.get(IFLA.IFLA_OPERSTATE)?.[0] ?? 0] ?? 'unknown',
        master: u32(attributes, IFLA.IFLA_MASTER),
        // 0: the other end of a pair is gone, or not there yet.
        link: u32(attributes, IFLA.IFLA_LINK) || null,
        linkNamespace: u32(attributes, IFLA.IFLA_LINK_NETNSID),
      };
    });
  });

/** Reads an RTM_NEWADDR or RTM_DELADDR, with the number of its link. */
export const addressOf = (message: NetlinkMessage): Read<AddressState & { readonly index: number }> =>
  fixed(message, IFADDRMSG.size).map((attributes) => {
    const { payload } = message;
    const ip = address(attributes.get(IFA.IFA_LOCAL) ?? attributes.get(IFA.IFA_ADDRESS));
    const scope = payload[IFADDRMSG.scope] ?? 0;
    const flags = u32(attributes, IFA.IFA_FLAGS) ?? payload[IFADDRMSG.flags] ?? 0;
    return {
      index: payload.readUInt32LE(IFADDRMSG.index),
      address: `${ip}/${payload[IFADDRMSG.prefix]}`,
      scope: SCOPES[scope] ?? scope,
      tentative: (flags & IFA_F.IFA_F_TENTATIVE) !== 0,
    };
  });

/** Reads an RTM_NEWROUTE or RTM_DELROUTE; null for what is no unicast route of the main table. */
export const routeOf = (
  message: NetlinkMessage,
): Read<(Omit<RouteState, 'interface'> & { readonly index: number | null }) | null> =>
  fixed(message, RTMSG.size).map((attributes) => {
    const { payload } = message;
    const family = payload[0] === SOCKET.AF_INET ? 4 : payload[0] === SOCKET.AF_INET6 ? 6 : null;
    const table = u32(attributes, RTA.RTA_TABLE) ?? payload[RTMSG.table];
    if (family === null || table !== RT.RT_TABLE_MAIN || payload[RTMSG.type] !== RT.RTN_UNICAST) return null;
    const to = address(attributes.get(RTA.RTA_DST));
    return {
      to: to === null ? 'default' : `${to}/${payload[RTMSG.prefix]}`,
      family,
      via: address(attributes.get(RTA.RTA_GATEWAY)),
      index: u32(attributes, RTA.RTA_OIF),
      source: address(attributes.get(RTA.RTA_PREFSRC)),
      metric: u32(attributes, RTA.RTA_PRIORITY),
    };
  });

/** Everything that was told, once it is whole. */
const whole = (bytes: Buffer): Read<readonly NetlinkMessage[]> =>
  parseMessages(bytes).andThen((messages): Read<readonly NetlinkMessage[]> => {
    const told: NetlinkMessage[] = [];
    let ends = 0;
    for (const message of messages) {
      if ((message.flags & NLM_F.NLM_F_DUMP_INTR) !== 0) return err({ type: 'interrupted' });
      if (message.type === NLMSG.NLMSG_OVERRUN) return err({ type: 'interrupted' });
      if (message.type === NLMSG.NLMSG_ERROR) {
        const refused = parseError(message);
        if (refused.isErr()) return err(refused.error);
        return err({ type: 'refused', errno: refused.value.errno });
      }
      if (message.type === NLMSG.NLMSG_DONE) ends += 1;
      else if (message.type !== NLMSG.NLMSG_NOOP) told.push(message);
    }
    return ends === DUMPS ? ok(told) : err(malformed(`${ends} of ${DUMPS} answers came to their end`));
  });

/** Reads what the ops of `dump-ops.ts` wrote. */
export const readState = (bytes: Buffer): Read<NetworkState> =>
  whole(bytes).andThen((messages) => {
    const of = (type: number): readonly NetlinkMessage[] => messages.filter((message) => message.type === type);
    return Result.combine(of(RTM.RTM_NEWLINK).map(linkOf)).andThen((links) =>
      Result.combine(of(RTM.RTM_NEWADDR).map(addressOf)).andThen((addresses) => {
        const names = new Map(links.map(({ index, name }) => [index, name]));
        return Result.combine(of(RTM.RTM_NEWROUTE).map(routeOf)).map((routes) => ({
          links: links
            .map((link) => ({
              ...link,
              addresses: addresses.filter(({ index }) => index === link.index).map(({ index: _, ...rest }) => rest),
            }))
            .sort((a, b) => a.index - b.index),
          routes: routes
            .filter((route) => route !== null)
            .map(({ index, ...route }) => ({
              ...route,
              interface: index === null ? null : (names.get(index) ?? null),
            })),
        }));
      }),
    );
  });
