import type { IpAddress, IpNetwork } from './ip-address.ts';

/** What every network interface may be given. */
export interface InterfaceOptions {
  /** At most 15 bytes, without blanks and slashes. */
  readonly name: string;
  /** Addresses with their prefix: `10.0.0.1/24`, `fd00::1/64`. IPv6 addresses are usable at once: nothing looks for duplicates. */
  readonly addresses?: readonly string[];
  /** Bytes. */
  readonly mtu?: number;
  /** `02:00:00:00:00:01`. */
  readonly mac?: string;
  /** true when left out. */
  readonly up?: boolean;
  /** The bridge that it becomes a port of. */
  readonly master?: string;
}

/** The other end of a veth pair. */
export interface PeerSpec extends InterfaceOptions {
  /**
   * Where it is: `inside`, in the same namespace (when left out), or `caller`, in the network namespace of the calling
   * thread, or the one that was entered before; takes CAP_NET_ADMIN there.
   */
  readonly namespace?: 'inside' | 'caller';
}

/** One network interface of a new network namespace. */
export type InterfaceSpec =
  | (InterfaceOptions & { readonly type: 'dummy' })
  | (InterfaceOptions & { readonly type: 'bridge' })
  | (InterfaceOptions & { readonly type: 'veth'; readonly peer: PeerSpec })
  | (InterfaceOptions & {
      readonly type: 'macvlan';
      /** An interface of the calling thread's network namespace; takes CAP_NET_ADMIN there. */
      readonly parent: string;
      /** `bridge` when left out: what hangs on the same parent can talk to each other. */
      readonly mode?: MacvlanMode;
    })
  | (InterfaceOptions & {
      readonly type: 'move';
      /** An interface of the calling thread's network namespace that is moved in; takes CAP_NET_ADMIN there. */
      readonly from: string;
    });

/** How macvlan interfaces of the same parent see each other; linux/if_link.h. */
export type MacvlanMode = 'private' | 'vepa' | 'bridge' | 'passthru';

/** A route of the main table. */
export interface RouteSpec {
  /** A network, or `default`, which is IPv4 unless `via` is IPv6. */
  readonly to: string;
  /** The gateway. */
  readonly via?: string;
  /** The interface; found by the gateway when left out. */
  readonly interface?: string;
  readonly metric?: number;
}

/** A new network namespace, as it is to be when the command starts. */
export interface NetworkSpec {
  /** Sets `lo` up, with 127.0.0.1 and ::1; true when left out. */
  readonly loopback?: boolean;
  readonly interfaces?: readonly InterfaceSpec[];
  readonly routes?: readonly RouteSpec[];
  /**
   * Interfaces of this network through which it forwards what comes from others, in their own name: a router. Turns
   * forwarding on, of IPv6 as well where an interface has such an address. The shell backend does it by nft(8) or iptables(8).
   */
  readonly masquerade?: string | readonly string[];
  /** Values of the namespace's own settings by name: `{ 'net.ipv4.ip_forward': 1 }`. See sysctl(8). */
  readonly sysctls?: Readonly<Record<string, string | number>>;
}

/** What an interface is given, checked. */
export interface InterfaceSettings {
  readonly name: string;
  readonly addresses: readonly IpNetwork[];
  readonly mtu: number | null;
  /** Six bytes. */
  readonly mac: readonly number[] | null;
  readonly up: boolean;
  readonly master: string | null;
}

/** The other end of a veth pair, checked. */
export interface PeerPlan extends InterfaceSettings {
  readonly namespace: 'inside' | 'caller';
}

/** What kind of interface it is, and what that kind needs. */
export type LinkPlan =
  | { readonly type: 'dummy' }
  | { readonly type: 'bridge' }
  | { readonly type: 'veth'; readonly peer: PeerPlan }
  | { readonly type: 'macvlan'; readonly parent: string; readonly mode: MacvlanMode }
  | { readonly type: 'move'; readonly from: string };

/** One interface, checked. */
export interface InterfacePlan extends InterfaceSettings {
  readonly link: LinkPlan;
}

/** One route, checked; `to` with the prefix 0 is the default route. */
export interface RoutePlan {
  readonly to: IpNetwork;
  readonly via: IpAddress | null;
  readonly interface: string | null;
  readonly metric: number | null;
}

/** One setting below /proc/sys. */
export interface SysctlPlan {
  readonly path: string;
  readonly value: string;
}

/** What is forwarded in the name of others. */
export interface MasqueradePlan {
  /** The interfaces through which it goes out. */
  readonly interfaces: readonly string[];
  readonly families: readonly (4 | 6)[];
}

/** What is forwarded in the name of the calling thread's network. */
export interface CallerMasquerade extends MasqueradePlan {
  /** Where it comes from. */
  readonly from: readonly IpNetwork[];
}

/** The name of the tables of nftables that masquerade; no other are touched. */
export const MASQUERADE_TABLE = 'linux-namespaces';

/** A network, checked. */
export interface NetworkPlan {
  readonly loopback: boolean;
  readonly interfaces: readonly InterfacePlan[];
  readonly routes: readonly RoutePlan[];
  readonly sysctls: readonly SysctlPlan[];
  readonly masquerade: MasqueradePlan | null;
}

/** Whether something of the calling thread's own network is needed. */
export const usesCaller = ({ interfaces }: NetworkPlan): boolean =>
  interfaces.some(
    ({ link }) =>
      link.type === 'macvlan' || link.type === 'move' || (link.type === 'veth' && link.peer.namespace === 'caller'),
  );
