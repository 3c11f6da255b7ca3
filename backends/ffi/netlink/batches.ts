import { formatIp, formatIpNetwork, type IpNetwork } from '../../../lib/ip-address.ts';
import type { InterfacePlan, InterfaceSettings, NetworkPlan, RoutePlan } from '../../../lib/network.ts';
import {
  IFA,
  IFA_F,
  IFADDRMSG,
  IFF,
  IFINFOMSG,
  IFLA,
  MACVLAN_MODE,
  NETNSA,
  NLATTR,
  NLM_F,
  RT,
  RTA,
  RTM,
  RTMSG,
  SOCKET,
} from '../abi/netlink.ts';
import { type NetlinkBatch, NetlinkWriter } from './writer.ts';

/** Messages that are sent together, through a socket of one of two namespaces. */
export interface NetworkStep {
  readonly through: 'own' | 'caller';
  readonly batch: NetlinkBatch;
}

/** What a plan comes to. */
export interface NetworkSteps {
  /** The interfaces; settings of /proc/sys/net come after them, so that each interface has its directory. */
  readonly create: readonly NetworkStep[];
  /** What they are given, and routes. */
  readonly configure: readonly NetworkStep[];
}

/**
 * Numbers of interfaces are chosen here, so that no message has to wait for the kernel's choice. Below are `lo` and the
 * tunnels that some modules put into every new namespace.
 */
const FIRST_INDEX = 100;
const LOOPBACK_INDEX = 1;
/** What a new network namespace calls that of the caller; its own choice, as nobody else has named one there. */
const CALLER_NSID = 0;

const FAMILIES = { 4: SOCKET.AF_INET, 6: SOCKET.AF_INET6 } as const;
const NEW = NLM_F.NLM_F_CREATE | NLM_F.NLM_F_EXCL;

/** An interface by its number, or by its name in one of the namespaces. */
type Reference = number | { readonly name: string; readonly of: 'own' | 'caller' };

const linkStruct = (writer: NetlinkWriter, link: Reference, flags = 0, change = 0): void => {
  writer.struct(IFINFOMSG.size, (bytes, at) => {
    if (typeof link === 'number') bytes.writeInt32LE(link, at + IFINFOMSG.index);
    bytes.writeUInt32LE(flags, at + IFINFOMSG.flags);
    bytes.writeUInt32LE(change, at + IFINFOMSG.flags + 4);
  });
  if (typeof link !== 'number') writer.hole(IFINFOMSG.size - IFINFOMSG.index, { type: 'ifindex', ...link });
};

const nest = NLATTR.NLA_F_NESTED;

const kind = (writer: NetlinkWriter, name: string, data?: () => void): void => {
  writer.nest(IFLA.IFLA_LINKINFO | nest, () => {
    writer.string(IFLA.IFLA_INFO_KIND, name);
    if (data !== undefined) writer.nest(IFLA.IFLA_INFO_DATA | nest, data);
  });
};

/** Numbers of the interfaces that are made in the new namespace itself; all others are known by their names. */
const chooseIndices = ({ interfaces }: NetworkPlan): ReadonlyMap<string, number> => {
  const indices = new Map([['lo', LOOPBACK_INDEX]]);
  for (const { name, link } of interfaces) {
    if (link.type === 'move') continue;
    indices.set(name, FIRST_INDEX + indices.size);
    if (link.type === 'veth' && link.peer.namespace === 'inside') {
      indices.set(link.peer.name, FIRST_INDEX + indices.size);
    }
  }
  return indices;
};

const addLink = (own: NetlinkWriter, { name, link }: InterfacePlan, indices: ReadonlyMap<string, number>): void => {
  const index = indices.get(name) ?? 0;
  const add = (text: string, body: () => void): void => {
    own.message(RTM.RTM_NEWLINK, NEW, `link add ${name} ${text}`, () => {
      linkStruct(own, index);
      own.string(IFLA.IFLA_IFNAME, name);
      body();
    });
  };
  switch (link.type) {
    case 'dummy':
    case 'bridge':
      add(`type ${link.type}`, () => kind(own, link.type));
      break;
    case 'macvlan':
      add(`link ${link.parent} type macvlan mode ${link.mode}`, () => {
        own.later(IFLA.IFLA_LINK, { type: 'ifindex', name: link.parent, of: 'caller' });
        own.u32(IFLA.IFLA_LINK_NETNSID, CALLER_NSID);
        kind(own, 'macvlan', () => own.u32(IFLA.IFLA_MACVLAN_MODE, MACVLAN_MODE[link.mode]));
      });
      break;
    case 'veth': {
      const { peer } = link;
      const away = peer.namespace === 'caller';
      add(`type veth peer ${peer.name}${away ? ' netns caller' : ''}`, () =>
        kind(own, 'veth', () =>
          own.nest(IFLA.VETH_INFO_PEER | nest, () => {
            linkStruct(own, away ? 0 : (indices.get(peer.name) ?? 0));
            own.string(IFLA.IFLA_IFNAME, peer.name);
            if (away) own.later(IFLA.IFLA_NET_NS_FD, { type: 'netns', of: 'caller' });
          }),
        ),
      );
      break;
    }
    case 'move':
      break;
  }
};

const addMove = (caller: NetlinkWriter, { name, link }: InterfacePlan): void => {
  if (link.type !== 'move') return;
  caller.message(RTM.RTM_NEWLINK, 0, `link set ${link.from} netns own name ${name}`, () => {
    linkStruct(caller, { name: link.from, of: 'caller' });
    caller.string(IFLA.IFLA_IFNAME, name);
    caller.later(IFLA.IFLA_NET_NS_FD, { type: 'netns', of: 'own' });
  });
};

const broadcast = ({ bytes, prefix }: IpNetwork): readonly number[] =>
  bytes.map((byte, index) => byte | (0xff >> Math.min(Math.max(prefix - index * 8, 0), 8)));

const addAddress = (writer: NetlinkWriter, name: string, link: Reference, address: IpNetwork): void => {
  const { family, bytes, prefix } = address;
  writer.message(RTM.RTM_NEWADDR, NEW, `address add ${formatIpNetwork(address)} dev ${name}`, () => {
    writer.struct(IFADDRMSG.size, (buffer, at) => {
      buffer[at] = FAMILIES[family];
      buffer[at + IFADDRMSG.prefix] = prefix;
      // Nobody else has this address in a network that has just been made: it need not be looked for.
      if (family === 6) buffer[at + IFADDRMSG.flags] = IFA_F.IFA_F_NODAD;
      if (typeof link === 'number') buffer.writeUInt32LE(link, at + IFADDRMSG.index);
    });
    if (typeof link !== 'number') writer.hole(IFADDRMSG.size - IFADDRMSG.index, { type: 'ifindex', ...link });
    writer.attribute(IFA.IFA_LOCAL, bytes);
    writer.attribute(IFA.IFA_ADDRESS, bytes);
    if (family === 4 && prefix < 31) writer.attribute(IFA.IFA_BROADCAST, broadcast(address));
  });
};

const macText = (mac: readonly number[]): string => mac.map((byte) => byte.toString(16).padStart(2, '0')).join(':');

const settingsText = ({ mtu, mac, master, up }: InterfaceSettings): string =>
  [
    ...(mac === null ? [] : [`address ${macText(mac)}`]),
    ...(mtu === null ? [] : [`mtu ${mtu}`]),
    ...(master === null ? [] : [`master ${master}`]),
    ...(up ? ['up'] : []),
  ].join(' ');

const addSettings = (
  writer: NetlinkWriter,
  settings: InterfaceSettings,
  link: Reference,
  master: Reference | null,
): void => {
  const { name, mtu, mac, up, addresses } = settings;
  const text = settingsText(settings);
  if (text !== '') {
    writer.message(RTM.RTM_NEWLINK, 0, `link set ${name} ${text}`, () => {
      linkStruct(writer, link, up ? IFF.IFF_UP : 0, up ? IFF.IFF_UP : 0);
      if (mac !== null) writer.attribute(IFLA.IFLA_ADDRESS, mac);
      if (mtu !== null) writer.u32(IFLA.IFLA_MTU, mtu);
      if (typeof master === 'number') writer.u32(IFLA.IFLA_MASTER, master);
      else if (master !== null) writer.later(IFLA.IFLA_MASTER, { type: 'ifindex', ...master });
    });
  }
  for (const address of addresses) addAddress(writer, name, link, address);
};

const routeText = ({ to, via, interface: through, metric }: RoutePlan): string =>
  [
    `route add ${to.prefix === 0 ? 'default' : formatIpNetwork(to)}`,
    ...(via === null ? [] : [`via ${formatIp(via.bytes)}`]),
    ...(through === null ? [] : [`dev ${through}`]),
    ...(metric === null ? [] : [`metric ${metric}`]),
  ].join(' ');

const addRoute = (own: NetlinkWriter, route: RoutePlan, through: Reference | null): void => {
  const { to, via, metric } = route;
  own.message(RTM.RTM_NEWROUTE, NEW, routeText(route), () => {
    own.struct(RTMSG.size, (bytes, at) => {
      bytes[at] = FAMILIES[to.family];
      bytes[at + RTMSG.prefix] = to.prefix;
      bytes[at + RTMSG.table] = RT.RT_TABLE_MAIN;
      bytes[at + RTMSG.protocol] = RT.RTPROT_BOOT;
      bytes[at + RTMSG.scope] = via === null && to.family === 4 ? RT.RT_SCOPE_LINK : RT.RT_SCOPE_UNIVERSE;
      bytes[at + RTMSG.type] = RT.RTN_UNICAST;
    });
    if (to.prefix > 0) own.attribute(RTA.RTA_DST, to.bytes);
    if (via !== null) own.attribute(RTA.RTA_GATEWAY, via.bytes);
    if (typeof through === 'number') own.u32(RTA.RTA_OIF, through);
    else if (through !== null) own.later(RTA.RTA_OIF, { type: 'ifindex', ...through });
    if (metric !== null) own.u32(RTA.RTA_PRIORITY, metric);
  });
};

const LOOPBACK: InterfaceSettings = { name: 'lo', addresses: [], mtu: null, mac: null, up: true, master: null };

/** Turns a network into the messages that make it, in their order. */
export const networkSteps = (plan: NetworkPlan): NetworkSteps => {
  const indices = chooseIndices(plan);
  const inside = (name: string): Reference => indices.get(name) ?? { name, of: 'own' };
  const links = new NetlinkWriter();
  const moves = new NetlinkWriter();
  const settings = new NetlinkWriter();
  const away = new NetlinkWriter();
  if (plan.interfaces.some(({ link }) => link.type === 'macvlan')) {
    links.message(RTM.RTM_NEWNSID, 0, `netns set caller ${CALLER_NSID}`, () => {
      links.struct(NETNSA.size, () => {});
      links.u32(NETNSA.NETNSA_NSID, CALLER_NSID);
      links.later(NETNSA.NETNSA_FD, { type: 'netns', of: 'caller' });
    });
  }
  if (plan.loopback) addSettings(settings, LOOPBACK, LOOPBACK_INDEX, null);
  for (const one of plan.interfaces) {
    const { link, master } = one;
    addLink(links, one, indices);
    addMove(moves, one);
    addSettings(settings, one, inside(one.name), master === null ? null : inside(master));
    if (link.type !== 'veth') continue;
    const { peer } = link;
    if (peer.namespace === 'inside') {
      addSettings(settings, peer, inside(peer.name), peer.master === null ? null : inside(peer.master));
    } else {
      const named = (name: string): Reference => ({ name, of: 'caller' });
      addSettings(away, peer, named(peer.name), peer.master === null ? null : named(peer.master));
    }
  }
  for (const route of plan.routes) addRoute(settings, route, route.interface === null ? null : inside(route.interface));
  const step = (through: NetworkStep['through'], writer: NetlinkWriter): readonly NetworkStep[] =>
    writer.isEmpty ? [] : [{ through, batch: writer.batch() }];
  return {
    create: [...step('own', links), ...step('caller', moves)],
    configure: [...step('caller', away), ...step('own', settings)],
  };
};
