import type { AddressState, LinkState, NetworkState, RouteState } from './network-state.ts';

/** What a backend hears while it watches a network. */
export type NetworkNews =
  | { readonly type: 'link'; readonly gone: boolean; readonly link: Omit<LinkState, 'addresses'> }
  | { readonly type: 'address'; readonly gone: boolean; readonly index: number; readonly address: AddressState }
  | {
      readonly type: 'route';
      readonly gone: boolean;
      /** It takes the place of another one to the same network. */
      readonly replaces: boolean;
      /** The number of its interface. */
      readonly index: number | null;
      readonly route: Omit<RouteState, 'interface'>;
    }
  /** Something changed, and nobody said what. */
  | { readonly type: 'changed' }
  /** More changed than was listened to: some of it is lost. */
  | { readonly type: 'overrun' };

/** The link that an address belongs to. */
export interface AddressOwner {
  readonly index: number;
  readonly name: string;
}

/** Something that changed in a network. */
export type NetworkEvent =
  | { readonly type: 'link-added'; readonly link: LinkState }
  | { readonly type: 'link-changed'; readonly link: LinkState; readonly before: LinkState }
  | { readonly type: 'link-removed'; readonly link: LinkState }
  | { readonly type: 'address-added'; readonly link: AddressOwner; readonly address: AddressState }
  | {
      readonly type: 'address-changed';
      readonly link: AddressOwner;
      readonly address: AddressState;
      readonly before: AddressState;
    }
  | { readonly type: 'address-removed'; readonly link: AddressOwner; readonly address: AddressState }
  | { readonly type: 'route-added'; readonly route: RouteState }
  | { readonly type: 'route-removed'; readonly route: RouteState }
  /** More happened at once than was listened to; this is how things are now, and what comes next starts from here. */
  | { readonly type: 'overrun'; readonly state: NetworkState };
