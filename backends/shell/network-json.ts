import type { AddressState, LinkState, NetworkState, RouteState } from '../../lib/network-state.ts';

/** What `ip -j` prints; every field may be missing. */
type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;

const fieldsIn = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.filter(isFields) : []);

const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);

const number = (value: unknown): number | null => (typeof value === 'number' ? value : null);

const STATES: readonly LinkState['state'][] = [
  'unknown',
  'notpresent',
  'down',
  'lowerlayerdown',
  'testing',
  'dormant',
  'up',
];

const SCOPES: readonly unknown[] = ['global', 'site', 'link', 'host', 'nowhere'];

const scopeOf = (value: unknown): AddressState['scope'] =>
  SCOPES.includes(value) ? (value as AddressState['scope']) : Number(value) || 0;

const addressOf = (fields: Fields): AddressState => ({
  address: `${fields['local']}/${fields['prefixlen']}`,
  scope: scopeOf(fields['scope']),
  tentative: fields['tentative'] === true,
});

const MAC = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/;

const linkOf = (fields: Fields, indices: ReadonlyMap<unknown, number>): LinkState => {
  const { linkinfo, address, flags, operstate } = fields as Record<string, unknown>;
  const mac = text(address);
  const state = STATES.find((known) => known === String(operstate).toLowerCase());
  const links = [number(fields['link_index']), indices.get(fields['link']) ?? null];
  return {
    index: number(fields['ifindex']) ?? 0,
    name: text(fields['ifname']) ?? '',
    kind: isFields(linkinfo) ? text(linkinfo['info_kind']) : null,
    mac: mac !== null && MAC.test(mac) ? mac : null,
    mtu: number(fields['mtu']) ?? 0,
    up: Array.isArray(flags) && flags.includes('UP'),
    state: state ?? 'unknown',
    master: indices.get(fields['master']) ?? null,
    link: links.find((index) => index !== null) ?? null,
    linkNamespace: number(fields['link_netnsid']),
    addresses: fieldsIn(fields['addr_info']).map(addressOf),
  };
};

const networkOf = (to: unknown, family: 4 | 6): string =>
  to === 'default' || String(to).includes('/') ? String(to) : `${to}/${family === 4 ? 32 : 128}`;

const routeOf = (fields: Fields, family: 4 | 6): RouteState => ({
  to: networkOf(fields['dst'], family),
  family,
  via: text(fields['gateway']),
  interface: text(fields['dev']),
  source: text(fields['prefsrc']),
  metric: number(fields['metric']),
});

const isUnicast = ({ type }: Fields): boolean => type === undefined || type === 'unicast';

const parsed = (json: string): unknown => {
  try {
    // Older releases print nothing at all for an empty list.
    return json.trim() === '' ? [] : JSON.parse(json);
  } catch {
    return null;
  }
};

/**
 * Reads what `ip -j -d address`, `ip -j -d -4 route` and `ip -j -d -6 route` have printed.
 *
 * @returns the network; null for what is none
 */
export const stateFromJson = (addresses: string, routes4: string, routes6: string): NetworkState | null => {
  const [links, first, second] = [addresses, routes4, routes6].map(parsed);
  if (!Array.isArray(links) || !Array.isArray(first) || !Array.isArray(second)) return null;
  const all = fieldsIn(links).filter(({ ifindex }) => typeof ifindex === 'number');
  const indices = new Map(all.map(({ ifname, ifindex }) => [ifname, Number(ifindex)]));
  const routes = [
    ...fieldsIn(first)
      .filter(isUnicast)
      .map((one) => routeOf(one, 4)),
    ...fieldsIn(second)
      .filter(isUnicast)
      .map((one) => routeOf(one, 6)),
  ];
  return { links: all.map((one) => linkOf(one, indices)).sort((a, b) => a.index - b.index), routes };
};
