/** An address of an interface. */
export interface AddressState {
  /** With its prefix: `10.0.0.1/24`. */
  readonly address: string;
  /** How far it is valid; a number for a scope without a name. */
  readonly scope: 'global' | 'site' | 'link' | 'host' | 'nowhere' | number;
  /** Still being checked for duplicates: not usable yet. */
  readonly tentative: boolean;
}

/** A network interface, as it is. */
export interface LinkState {
  /** Its number in its namespace. */
  readonly index: number;
  readonly name: string;
  /** `veth`, `bridge`, `macvlan`...; null for hardware and `lo`. */
  readonly kind: string | null;
  /** null for an interface without one. */
  readonly mac: string | null;
  /** Bytes. */
  readonly mtu: number;
  /** Whether it was set up; what it is set up for may be missing: see `state`. */
  readonly up: boolean;
  /** The operational state of RFC 2863, in the words of ip(8). */
  readonly state: 'unknown' | 'notpresent' | 'down' | 'lowerlayerdown' | 'testing' | 'dormant' | 'up';
  /** The number of the bridge that it is a port of. */
  readonly master: number | null;
  /** The number of the other end, or of the interface below; in another namespace when `linkNamespace` is there. */
  readonly link: number | null;
  /** What its namespace calls the one in which `link` is; ip-netns(8). */
  readonly linkNamespace: number | null;
  readonly addresses: readonly AddressState[];
}

/** A unicast route of the main table. */
export interface RouteState {
  /** A network, or `default`. */
  readonly to: string;
  readonly family: 4 | 6;
  readonly via: string | null;
  /** The name of the interface; null where there are several, or none. */
  readonly interface: string | null;
  readonly source: string | null;
  readonly metric: number | null;
}

/** What is in a network namespace. */
export interface NetworkState {
  /** In the order of their numbers. */
  readonly links: readonly LinkState[];
  readonly routes: readonly RouteState[];
}
