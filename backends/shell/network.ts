import { err, ok, type Result } from 'neverthrow';
import { type Unsupported, unsupported } from '../../lib/errors.ts';
import { formatIp, formatIpNetwork } from '../../lib/ip-address.ts';
import { type InterfacePlan, type InterfaceSettings, type RoutePlan, usesCaller } from '../../lib/network.ts';
import type { SpawnPlan } from '../../lib/plan.ts';
import type { Tools } from './tools.ts';

/** One thing that the first shell does for the network: words of ip(8), or a value for a file. */
export type NetworkCall =
  | { readonly type: 'ip'; readonly words: readonly string[] }
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

/** What the first shell has to do for the network that a plan asks for. */
export const networkCalls = (
  { network }: SpawnPlan,
  tools: Pick<Tools, 'ip'>,
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
  const call = (words: readonly string[]): NetworkCall => ({ type: 'ip', words: [ip ?? 'ip', ...words] });
  return ok([
    ...links.map(call),
    ...network.sysctls.map(({ path, value }): NetworkCall => ({ type: 'file', path, value })),
    ...ipWords.map(call),
  ]);
};
