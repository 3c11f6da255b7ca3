import { isDeepStrictEqual } from 'node:util';
import type { AddressOwner, NetworkEvent, NetworkNews } from '../network-news.ts';
import type { AddressState, LinkState, NetworkState, RouteState } from '../network-state.ts';

type News<T extends NetworkNews['type']> = Extract<NetworkNews, { readonly type: T }>;

const isSameNetwork = (a: RouteState, b: RouteState): boolean =>
  a.to === b.to && a.family === b.family && a.metric === b.metric;

const isSameRoute = (a: RouteState, b: RouteState): boolean =>
  isSameNetwork(a, b) && a.via === b.via && a.interface === b.interface;

const ownerOf = ({ index, name }: LinkState): AddressOwner => ({ index, name });

/** What is in a network as far as one has heard, and what of the news is an event. */
export class NetworkTracker {
  #links: Map<number, LinkState>;
  #routes: RouteState[];
  /** Something was heard that may have taken routes along of which nothing is said. */
  #isStale = false;

  constructor(state: NetworkState) {
    this.#links = new Map(state.links.map((link) => [link.index, link]));
    this.#routes = [...state.routes];
  }

  /** How things are. */
  get state(): NetworkState {
    return { links: [...this.#links.values()].sort((a, b) => a.index - b.index), routes: [...this.#routes] };
  }

  /** The network has to be read anew: the kernel takes IPv4 routes away with their interface or source, and says nothing. */
  get isStale(): boolean {
    return this.#isStale;
  }

  /** Takes a piece of news in; what was known already is no event. */
  tell(news: News<'link' | 'address' | 'route'>): readonly NetworkEvent[] {
    switch (news.type) {
      case 'link':
        return news.gone ? this.#removeLink(news.link.index) : this.#putLink(news.link);
      case 'address':
        return this.#address(news);
      case 'route':
        return this.#route(news);
    }
  }

  /**
   * Takes out the routes that are no longer there. Of everything else the news tell, which may be on their way still: to
   * take it out of a reading would tell of it too early, and then once more.
   */
  dropRoutes({ routes }: NetworkState): readonly NetworkEvent[] {
    this.#isStale = false;
    const lost = this.#routes.filter((route) => !routes.some((other) => isSameRoute(route, other)));
    this.#routes = this.#routes.filter((route) => !lost.includes(route));
    return lost.map((route): NetworkEvent => ({ type: 'route-removed', route }));
  }

  /** Takes in how things are; what differs from what was known is an event. */
  read(state: NetworkState): readonly NetworkEvent[] {
    const { links, routes } = state;
    const events = [...this.dropRoutes(state)];
    const now = new Map(links.map((link) => [link.index, link]));
    for (const index of [...this.#links.keys()]) if (!now.has(index)) events.push(...this.#removeLink(index));
    for (const link of links) {
      events.push(...this.#putLink(link));
      const known = this.#links.get(link.index)?.addresses ?? [];
      for (const address of known) {
        const stays = link.addresses.some((other) => other.address === address.address);
        if (!stays) events.push(...this.#address({ type: 'address', gone: true, index: link.index, address }));
      }
      for (const address of link.addresses) {
        events.push(...this.#address({ type: 'address', gone: false, index: link.index, address }));
      }
    }
    for (const route of routes) {
      if (!this.#routes.some((other) => isSameRoute(route, other))) events.push({ type: 'route-added', route });
    }
    this.#routes = [...routes];
    this.#isStale = false;
    return events;
  }

  #putLink(link: Omit<LinkState, 'addresses'>): readonly NetworkEvent[] {
    const before = this.#links.get(link.index);
    const now: LinkState = { ...link, addresses: before?.addresses ?? [] };
    if (before !== undefined && isDeepStrictEqual(before, now)) return [];
    this.#links.set(link.index, now);
    if (before === undefined) return [{ type: 'link-added', link: now }];
    if (before.up && !now.up) this.#isStale = true;
    if (before.name !== now.name) {
      const renamed = (route: RouteState): RouteState =>
        route.interface === before.name ? { ...route, interface: now.name } : route;
      this.#routes = this.#routes.map(renamed);
    }
    return [{ type: 'link-changed', link: now, before }];
  }

  #removeLink(index: number): readonly NetworkEvent[] {
    const link = this.#links.get(index);
    if (link === undefined) return [];
    this.#links.delete(index);
    this.#isStale = true;
    const gone = link.addresses.map(
      (address): NetworkEvent => ({ type: 'address-removed', link: ownerOf(link), address }),
    );
    return [...gone, { type: 'link-removed', link: { ...link, addresses: [] } }];
  }

  #address({
    gone,
    index,
    address,
  }: Omit<News<'address'>, 'type'> & { readonly type?: 'address' }): readonly NetworkEvent[] {
    const link = this.#links.get(index);
    if (link === undefined) return [];
    const before = link.addresses.find((one) => one.address === address.address);
    const put = (addresses: readonly AddressState[]): void => {
      this.#links.set(index, { ...link, addresses });
    };
    const owner = ownerOf(link);
    if (gone) {
      if (before === undefined) return [];
      put(link.addresses.filter((one) => one !== before));
      this.#isStale = true;
      return [{ type: 'address-removed', link: owner, address: before }];
    }
    if (before === undefined) {
      put([...link.addresses, address]);
      return [{ type: 'address-added', link: owner, address }];
    }
    if (isDeepStrictEqual(before, address)) return [];
    put(link.addresses.map((one) => (one === before ? address : one)));
    return [{ type: 'address-changed', link: owner, address, before }];
  }

  #route({ gone, replaces, index, route }: News<'route'>): readonly NetworkEvent[] {
    const name = index === null ? null : (this.#links.get(index)?.name ?? null);
    const told: RouteState = { ...route, interface: name };
    const known = this.#routes.find((one) => isSameRoute(one, told));
    if (gone) {
      if (known === undefined) return [];
      this.#routes = this.#routes.filter((one) => one !== known);
      return [{ type: 'route-removed', route: known }];
    }
    if (known !== undefined) return [];
    const replaced = replaces ? this.#routes.filter((one) => isSameNetwork(one, told)) : [];
    this.#routes = [...this.#routes.filter((one) => !replaced.includes(one)), told];
    return [
      ...replaced.map((one): NetworkEvent => ({ type: 'route-removed', route: one })),
      { type: 'route-added', route: told },
    ];
  }
}
