import { err, ok, Result } from 'neverthrow';
import { all, type Checked, flag, kernelString, optional } from './checks.ts';
import { invalidOption } from './errors.ts';
import { type IpAddress, type IpNetwork, parseIp, parseIpNetwork } from './ip-address.ts';
import type {
  InterfaceOptions,
  InterfacePlan,
  InterfaceSettings,
  InterfaceSpec,
  LinkPlan,
  MacvlanMode,
  MasqueradePlan,
  NetworkPlan,
  NetworkSpec,
  PeerPlan,
  PeerSpec,
  RoutePlan,
  RouteSpec,
  SysctlPlan,
} from './network.ts';

/** IFNAMSIZ of linux/if.h, without the NUL. */
const LONGEST_NAME = 15;
/** Below it IPv4 does not work; the kernel's own limit for most kinds. */
const LEAST_MTU = 68;
const MOST_MTU = 65_535;
/** More than that is a mistake, and no longer one write(2). */
const MOST_ENTRIES = 1_000;

const list = <T>(option: string, value: readonly T[] | undefined): Checked<readonly T[]> => {
  if (value === undefined) return ok([]);
  if (!Array.isArray(value)) return err(invalidOption(option, value, 'a list'));
  return value.length <= MOST_ENTRIES
    ? ok(value)
    : err(invalidOption(option, `${value.length} entries`, `at most ${MOST_ENTRIES} entries`));
};

const isRecord = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The names that the kernel takes: dev_valid_name() of net/core/dev.c, and no `%`, which it would fill in. */
const interfaceName = (option: string, value: unknown): Checked<string> => {
  const wanted = `the name of an interface: 1 to ${LONGEST_NAME} bytes, without blanks, "/", ":" and "%"`;
  return kernelString(option, value, wanted).andThen((name) =>
    name !== '' && name !== '.' && name !== '..' && Buffer.byteLength(name) <= LONGEST_NAME && !/[\s/:%]/.test(name)
      ? ok(name)
      : err(invalidOption(option, value, wanted)),
  );
};

/** Whether an interface may have that name. */
export const isInterfaceName = (value: unknown): boolean => interfaceName('name', value).isOk();

const ownName = (option: string, value: unknown): Checked<string> =>
  interfaceName(option, value).andThen((name) =>
    name === 'lo' || name === 'all' || name === 'default'
      ? err(invalidOption(option, name, 'another name than "lo", "all" and "default", which the kernel keeps'))
      : ok(name),
  );

const network = (option: string, value: unknown): Checked<IpNetwork> => {
  const parsed = parseIpNetwork(value);
  return parsed === null ? err(invalidOption(option, value, 'an address with its prefix: "10.0.0.1/24"')) : ok(parsed);
};

const address = (option: string, value: unknown): Checked<IpAddress> => {
  const parsed = parseIp(value);
  return parsed === null ? err(invalidOption(option, value, 'an IPv4 or IPv6 address')) : ok(parsed);
};

const macAddress = (option: string, value: unknown): Checked<readonly number[]> => {
  const bytes =
    typeof value === 'string' && /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(value)
      ? value.split(':').map((byte) => Number.parseInt(byte, 16))
      : null;
  // A set lowest bit means a group of receivers, which no interface is.
  return bytes === null || ((bytes[0] ?? 0) & 1) === 1 || bytes.every((byte) => byte === 0)
    ? err(invalidOption(option, value, 'the MAC address of one interface: "02:00:00:00:00:01"'))
    : ok(bytes);
};

const wholeNumber = (option: string, value: unknown, least: number, most: number): Checked<number> =>
  typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
    ? ok(value)
    : err(invalidOption(option, value, `a whole number from ${least} to ${most}`));

const planSettings = (option: string, spec: InterfaceOptions): Checked<InterfaceSettings> =>
  all<InterfaceSettings>({
    name: ownName(`${option}.name`, spec.name),
    addresses: list(`${option}.addresses`, spec.addresses).andThen((entries) =>
      Result.combine(entries.map((entry, index) => network(`${option}.addresses[${index}]`, entry))),
    ),
    mtu: optional(spec.mtu, (mtu) => wholeNumber(`${option}.mtu`, mtu, LEAST_MTU, MOST_MTU)),
    mac: optional(spec.mac, (mac) => macAddress(`${option}.mac`, mac)),
    up: spec.up === undefined ? ok(true) : flag(`${option}.up`, spec.up),
    master: optional(spec.master, (master) => interfaceName(`${option}.master`, master)),
  });

const planPeer = (option: string, spec: PeerSpec): Checked<PeerPlan> => {
  if (!isRecord(spec)) return err(invalidOption(option, spec, 'the other end: an object with a name'));
  const { namespace = 'inside' } = spec;
  return namespace === 'inside' || namespace === 'caller'
    ? planSettings(option, spec).map((settings) => ({ ...settings, namespace }))
    : err(invalidOption(`${option}.namespace`, namespace, '"inside" or "caller"'));
};

const MACVLAN_MODES: readonly MacvlanMode[] = ['private', 'vepa', 'bridge', 'passthru'];

const planLink = (option: string, spec: InterfaceSpec): Checked<LinkPlan> => {
  switch (spec.type) {
    case 'dummy':
    case 'bridge':
      return ok({ type: spec.type });
    case 'veth':
      return planPeer(`${option}.peer`, spec.peer).map((peer) => ({ type: 'veth', peer }));
    case 'macvlan': {
      const { parent, mode = 'bridge' } = spec;
      if (!MACVLAN_MODES.includes(mode)) {
        return err(invalidOption(`${option}.mode`, mode, `one of ${MACVLAN_MODES.join(', ')}`));
      }
      return interfaceName(`${option}.parent`, parent).map((name) => ({ type: 'macvlan', parent: name, mode }));
    }
    case 'move':
      return interfaceName(`${option}.from`, spec.from).map((from) => ({ type: 'move', from }));
    default:
      return err(
        invalidOption(`${option}.type`, (spec as { type: unknown }).type, 'one of dummy, bridge, veth, macvlan, move'),
      );
  }
};

const planInterface = (option: string, spec: InterfaceSpec): Checked<InterfacePlan> => {
  if (!isRecord(spec)) return err(invalidOption(option, spec, 'an object with a type and a name'));
  return planLink(option, spec).andThen((link) => planSettings(option, spec).map((own) => ({ ...own, link })));
};

const ANY = { 4: [0, 0, 0, 0], 6: Array<number>(16).fill(0) } as const;

const planRoute = (option: string, spec: RouteSpec): Checked<RoutePlan> => {
  if (!isRecord(spec)) return err(invalidOption(option, spec, 'an object with "to"'));
  const fields = all({
    via: optional(spec.via, (via) => address(`${option}.via`, via)),
    interface: optional(spec.interface, (name) => interfaceName(`${option}.interface`, name)),
    metric: optional(spec.metric, (metric) => wholeNumber(`${option}.metric`, metric, 0, 0xffffffff)),
  });
  return fields.andThen(({ via, interface: through, metric }): Checked<RoutePlan> => {
    const family = via?.family ?? 4;
    const to = spec.to === 'default' ? ok({ family, bytes: ANY[family], prefix: 0 }) : network(`${option}.to`, spec.to);
    return to.andThen((target): Checked<RoutePlan> => {
      if (via !== null && via.family !== target.family) {
        return err(invalidOption(`${option}.via`, spec.via, `an IPv${target.family} address, as "to" is`));
      }
      if (via === null && through === null) {
        return err(invalidOption(option, spec, '"via" or "interface"'));
      }
      const bits = target.bytes.map(
        (byte, index) => byte & ~(0xff00 >> Math.min(Math.max(target.prefix - index * 8, 0), 8)),
      );
      if (bits.some((byte) => (byte & 0xff) !== 0)) {
        return err(invalidOption(`${option}.to`, spec.to, 'a network: no bit set behind its prefix'));
      }
      return ok({ to: target, via, interface: through, metric });
    });
  });
};

const planSysctls = (value: NetworkSpec['sysctls']): Checked<readonly SysctlPlan[]> => {
  if (value === undefined) return ok([]);
  if (!isRecord(value)) return err(invalidOption('network.sysctls', value, 'an object of settings by name'));
  const plans: SysctlPlan[] = [];
  for (const [name, setting] of Object.entries(value)) {
    // With dots, or with slashes where an interface has a dot in its name; as for sysctl(8).
    const words = name.split(name.includes('/') ? '/' : '.');
    if (
      words[0] !== 'net' ||
      words.length < 3 ||
      words.some((word) => word === '' || word === '..' || word.includes('\0'))
    ) {
      return err(invalidOption('network.sysctls', name, 'the name of a setting of networks: "net.ipv4.ip_forward"'));
    }
    if (
      (typeof setting !== 'string' && typeof setting !== 'number') ||
      /[\0\n]/.test(`${setting}`) ||
      `${setting}` === ''
    ) {
      return err(invalidOption(`network.sysctls.${name}`, setting, 'a number, or a string of one line'));
    }
    plans.push({ path: `/proc/sys/${words.join('/')}`, value: `${setting}` });
  }
  return ok(plans);
};

/** The first name that is there twice in one namespace. */
const duplicate = (interfaces: readonly InterfacePlan[]): readonly [option: string, name: string] | null => {
  const seen = new Set<string>();
  for (const [index, { name, link }] of interfaces.entries()) {
    if (seen.has(name)) return [`network.interfaces[${index}].name`, name];
    seen.add(name);
    if (link.type !== 'veth' || link.peer.namespace !== 'inside') continue;
    if (seen.has(link.peer.name)) return [`network.interfaces[${index}].peer.name`, link.peer.name];
    seen.add(link.peer.name);
  }
  return null;
};

/** Every interface of a network by name, `lo` included. */
const namesInside = (interfaces: readonly InterfacePlan[]): ReadonlySet<string> =>
  new Set([
    'lo',
    ...interfaces.flatMap(({ name, link }) =>
      link.type === 'veth' && link.peer.namespace === 'inside' ? [name, link.peer.name] : [name],
    ),
  ]);

const checkReferences = ({ interfaces, routes, ...rest }: NetworkPlan): Checked<NetworkPlan> => {
  const twice = duplicate(interfaces);
  if (twice !== null) return err(invalidOption(twice[0], twice[1], 'a name that no other interface has'));
  const bridges = new Set(interfaces.filter(({ link }) => link.type === 'bridge').map(({ name }) => name));
  const known = namesInside(interfaces);
  for (const [index, { master, link }] of interfaces.entries()) {
    const masters: readonly (readonly [string, string | null])[] = [
      ['master', master],
      ...(link.type === 'veth' && link.peer.namespace === 'inside' ? [['peer.master', link.peer.master] as const] : []),
    ];
    for (const [option, name] of masters) {
      if (name === null || bridges.has(name)) continue;
      return err(
        invalidOption(`network.interfaces[${index}].${option}`, name, 'the name of a bridge among the interfaces'),
      );
    }
  }
  for (const [index, { interface: through }] of routes.entries()) {
    if (through === null || known.has(through)) continue;
    return err(invalidOption(`network.routes[${index}].interface`, through, 'the name of one of the interfaces'));
  }
  for (const name of rest.masquerade?.interfaces ?? []) {
    if (known.has(name)) continue;
    return err(invalidOption('network.masquerade', name, 'the name of one of the interfaces'));
  }
  return ok({ interfaces, routes, ...rest });
};

/** Checks the names of interfaces that masquerade; the families are the caller's to find. */
export const planMasquerade = (option: string, value: string | readonly string[]): Checked<MasqueradePlan> => {
  const names = typeof value === 'string' ? [value] : value;
  if (!Array.isArray(names) || names.length === 0) {
    return err(invalidOption(option, value, 'the name of an interface, or a list of them'));
  }
  return Result.combine(names.map((name) => interfaceName(option, name))).map((interfaces) => ({
    interfaces: [...new Set(interfaces)],
    families: [4],
  }));
};

const FORWARDING = { 4: '/proc/sys/net/ipv4/ip_forward', 6: '/proc/sys/net/ipv6/conf/all/forwarding' } as const;

/** Who masquerades forwards; what the caller says of it himself is left as it is. */
const withForwarding = (plan: NetworkPlan): NetworkPlan => {
  const { masquerade, interfaces, sysctls } = plan;
  if (masquerade === null) return plan;
  const all = interfaces.flatMap(({ addresses, link }) => [
    ...addresses,
    ...(link.type === 'veth' && link.peer.namespace === 'inside' ? link.peer.addresses : []),
  ]);
  const families = all.some(({ family }) => family === 6) ? ([4, 6] as const) : ([4] as const);
  const missing = families
    .map((family) => ({ path: FORWARDING[family], value: '1' }))
    .filter(({ path }) => !sysctls.some((known) => known.path === path));
  return { ...plan, sysctls: [...missing, ...sysctls], masquerade: { ...masquerade, families } };
};

/**
 * Checks a network and fills in every default.
 *
 * @returns the plan, or `invalid-option` naming the option, its value and what is wanted
 */
export const planNetwork = (spec: NetworkSpec): Checked<NetworkPlan> => {
  if (!isRecord(spec)) return err(invalidOption('network', spec, 'an object: { loopback: true }'));
  return all<NetworkPlan>({
    loopback: spec.loopback === undefined ? ok(true) : flag('network.loopback', spec.loopback),
    interfaces: list('network.interfaces', spec.interfaces).andThen((entries) =>
      Result.combine(entries.map((entry, index) => planInterface(`network.interfaces[${index}]`, entry))),
    ),
    routes: list('network.routes', spec.routes).andThen((entries) =>
      Result.combine(entries.map((entry, index) => planRoute(`network.routes[${index}]`, entry))),
    ),
    sysctls: planSysctls(spec.sysctls),
    masquerade: optional(spec.masquerade, (names) => planMasquerade('network.masquerade', names)),
  })
    .andThen(checkReferences)
    .map(withForwarding);
};
