import { err, ok, type Result } from 'neverthrow';
import { type Unsupported, unsupported } from '../../lib/errors.ts';
import { formatIp, formatIpNetwork } from '../../lib/ip-address.ts';
import {
  type InterfacePlan,
  type InterfaceSettings,
  MASQUERADE_TABLE,
  type MasqueradePlan,
  type RoutePlan,
  usesCaller,
} from '../../lib/network.ts';
import type { SpawnPlan } from '../../lib/plan.ts';
import type { Tools } from './tools.ts';

/** The tools that masquerade. */
type MasqueradeTools = Pick<Tools, 'nft' | 'iptables' | 'ip6tables' | 'env'>;

/** One thing that the first shell does for the network: the words of a tool, or a value for a file. */
export type NetworkCall =
  | { readonly type: 'tool'; readonly words: readonly string[] }
  | { readonly type: 'file'; readonly path: string; readonly value: string };

const macText = (mac: readonly number[]): string => mac.map((byte) => byte.toString(16).padStart(2, '0')).join(':');

const link = ({ name, link: kind }: InterfacePlan): readonly string[] =>
  kind.type === 'veth'
    ? ['link', 'add', 'name', name, 'type', 'veth', 'peer', 'name', kind.peer.name]
    : ['link', 'add', 'name', name, 'type', kind.type];

const settings = ({ name, mtu, mac, master, up, addresses }: InterfaceSettings): readonly (readonly string[])[] => {
  const words = [
    ...(mac === null ? [] : ['address', macText(mac)]),
    ...(mtu === null ? [] : ['mtu', `${mtu}`]),
    ...(master === null ? [] : ['master', master]),
    ...(up ? ['up'] : []),
  ];
  return [
    ...(words.length === 0 ? [] : [['link', 'set', 'dev', name, ...words]]),
    ...addresses.map((address) => [
      `-${address.family}`,
      'address',
      'add',
      formatIpNetwork(address),
      ...(address.family === 4 && address.prefix < 31 ? ['broadcast', '+'] : []),
      'dev',
      name,
      ...(address.family === 6 ? ['nodad'] : []),
    ]),
  ];
};

const route = ({ to, via, interface: through, metric }: RoutePlan): readonly string[] => [
  `-${to.family}`,
  'route',
  'add',
  to.prefix === 0 ? 'default' : formatIpNetwork(to),
  ...(via === null ? [] : ['via', formatIp(via.bytes)]),
  ...(through === null ? [] : ['dev', through]),
  ...(metric === null ? [] : ['metric', `${metric}`]),
];

/** What nft(8) or iptables(8) has to do, whichever is there. */
const masqueradeWords = (
  { interfaces, families }: MasqueradePlan,
  { nft, iptables, ip6tables, env }: MasqueradeTools,
): Result<readonly (readonly string[])[], Unsupported> => {
  if (nft !== null) {
    const rules = families.flatMap((family) => {
      const table = `${family === 4 ? 'ip' : 'ip6'} ${MASQUERADE_TABLE}`;
      return [
        `add table ${table}`,
        `add chain ${table} postrouting { type nat hook postrouting priority 100; }`,
        ...interfaces.map((name) => `add rule ${table} postrouting oifname "${name}" masquerade`),
      ];
    });
    return ok([[nft, rules.join('; ')]]);
  }
  // The usual lock is root's own, and that of all networks: this one is a file that each network has.
  const locking = env === null ? [] : [env.path, 'XTABLES_LOCKFILE=/proc/self/ns/net'];
  const missing = iptables === null || (families.includes(6) && ip6tables === null);
  if (missing) return err(unsupported('shell', 'masquerade', 'nft(8) or iptables(8)'));
  return ok(
    families.flatMap((family) =>
      interfaces.map((name) => [
        ...locking,
        (family === 4 ? iptables : ip6tables) ?? '',
        ...['-w', '-t', 'nat', '-A', 'POSTROUTING', '-o', name, '-j', 'MASQUERADE'],
      ]),
    ),
  );
};

/** What the first shell has to do for the network that a plan asks for. */
export const networkCalls = (
  { network }: SpawnPlan,
  tools: Pick<Tools, 'ip'> & MasqueradeTools,
): Result<readonly NetworkCall[], Unsupported> => {
  if (network === null) return ok([]);
  const { ip } = tools;
  if (usesCaller(network)) {
    return err(unsupported('shell', "an interface of the caller's network", 'the ffi backend'));
  }
  const ipWords: (readonly string[])[] = network.loopback ? [['link', 'set', 'dev', 'lo', 'up']] : [];
  for (const one of network.interfaces) {
    ipWords.push(...settings(one));
    if (one.link.type === 'veth') ipWords.push(...settings(one.link.peer));
  }
  ipWords.push(...network.routes.map(route));
  const links = network.interfaces.map(link);
  if (ip === null && links.length + ipWords.length > 0) {
    return err(unsupported('shell', 'the set-up of a network', 'ip(8) of iproute2'));
  }
  const call = (words: readonly string[]): NetworkCall => ({ type: 'tool', words: [ip ?? 'ip', ...words] });
  const { masquerade } = network;
  const rules = masquerade === null ? ok([]) : masqueradeWords(masquerade, tools);
  return rules.map((last): readonly NetworkCall[] => [
    ...links.map(call),
    ...network.sysctls.map(({ path, value }): NetworkCall => ({ type: 'file', path, value })),
    ...ipWords.map(call),
    ...last.map((words): NetworkCall => ({ type: 'tool', words })),
  ]);
};
