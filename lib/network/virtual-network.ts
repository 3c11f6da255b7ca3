import { err, ok, type Result, ResultAsync } from 'neverthrow';
import type { Masquerade } from '../backend.ts';
import { type InvalidOption, invalidOption } from '../errors.ts';
import type { IpNetwork } from '../ip-address.ts';
import type { CallerMasquerade, InterfaceOptions, InterfaceSpec, NetworkPlan, NetworkSpec } from '../network.ts';
import { openBackend } from '../open.ts';
import { planMasquerade, planNetwork } from '../plan-network.ts';
import type { BackendChoice } from '../spec.ts';
import { KeptNamespaces, keepNew } from './kept.ts';
import { masqueradeIn } from './masquerade.ts';
import {
  connectOutside,
  findTool,
  type NodeOutside,
  type OutsideConnection,
  type OutsideError,
  type OutsideSpec,
  planOutside,
} from './outside.ts';

/** One end of a veth pair whose other end is in another node. */
export interface LinkSpec extends InterfaceOptions {
  readonly type: 'link';
  /** The other end: in a node that stands before this one. */
  readonly to: InterfaceOptions & { readonly node: string };
}

/** One node: a network namespace, and what is in it. */
export interface NodeSpec extends Omit<NetworkSpec, 'interfaces'> {
  /** As of a spawn's `network`, and links to a node that stands before this one. */
  readonly interfaces?: readonly (InterfaceSpec | LinkSpec)[];
  /**
   * A way out by pasta(1) or slirp4netns(1), for as long as the whole lives: `true`, or by which of them, and the name of its
   * interface, which is `tap0` else. See `connectOutside`; what that says of the calling thread is true here, too.
   */
  readonly outside?: NodeOutside;
}

/** Networks by name, in the order in which they are made. */
export interface VirtualNetworkSpec {
  readonly nodes: Readonly<Record<string, NodeSpec>>;
  /** Makes them below a user namespace, in which the caller is root: takes no privilege. For everybody but root when left out. */
  readonly rootless?: boolean;
  /**
   * Interfaces of the calling thread's network through which what comes from the nodes goes out, in its name: from the
   * networks of `peer.addresses` with `namespace: 'caller'`. Forwarding has to be on there. The rules are a table of nftables
   * of its own, and go with the whole, however this process ends. Privilege: CAP_NET_ADMIN there. Since Linux 5.12.
   */
  readonly masquerade?: string | readonly string[];
  readonly backend?: BackendChoice;
}

/** Several network namespaces, each held until the whole is closed. */
export class VirtualNetwork implements Disposable {
  readonly #nodes: ReadonlyMap<string, KeptNamespaces>;
  readonly #outside: ReadonlyMap<string, OutsideConnection>;
  #masquerade: Masquerade | null;

  /** @internal */
  constructor(
    nodes: ReadonlyMap<string, KeptNamespaces>,
    outside: ReadonlyMap<string, OutsideConnection>,
    masquerade: Masquerade | null,
  ) {
    this.#nodes = nodes;
    this.#outside = outside;
    this.#masquerade = masquerade;
  }

  /**
   * A node by its name.
   *
   * @throws RangeError for a name that is none of the declaration
   */
  node(name: string): KeptNamespaces {
    const node = this.#nodes.get(name);
    if (node === undefined) throw new RangeError(`There is no node "${name}"`);
    return node;
  }

  /** The way out of a node that was declared with `outside`; null of another. */
  outside(name: string): OutsideConnection | null {
    return this.#outside.get(name) ?? null;
  }

  /** Lets go of all nodes; each ends with the last process that is in it. */
  close(): void {
    for (const connection of this.#outside.values()) connection.close();
    for (const node of this.#nodes.values()) node.close();
    this.#masquerade?.close();
    this.#masquerade = null;
  }

  /** The same as {@link VirtualNetwork.close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** A node as it is made: below another one, whose side of the links it makes, too. */
interface NodePlan {
  readonly name: string;
  readonly network: NetworkSpec;
  readonly below: string | null;
  /** Networks that it has in common with the caller. */
  readonly shared: readonly IpNetwork[];
  readonly outside: Pick<OutsideSpec, 'tool' | 'name'> | null;
}

/** The whole, checked. */
interface WholePlan {
  readonly nodes: readonly NodePlan[];
  readonly masquerade: CallerMasquerade | null;
}

const isRecord = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const sharedOf = ({ interfaces }: NetworkPlan): readonly IpNetwork[] =>
  interfaces.flatMap(({ link }) =>
    link.type === 'veth' && link.peer.namespace === 'caller' ? link.peer.addresses : [],
  );

const planNode = (name: string, spec: NodeSpec, before: ReadonlySet<string>): Result<NodePlan, InvalidOption> => {
  const option = `nodes.${name}`;
  if (!isRecord(spec)) return err(invalidOption(option, spec, 'an object: { interfaces: [...] }'));
  let below: string | null = null;
  const interfaces: InterfaceSpec[] = [];
  for (const [index, one] of (Array.isArray(spec.interfaces) ? spec.interfaces : []).entries()) {
    if (!isRecord(one) || (one as { type?: unknown }).type !== 'link') {
      interfaces.push(one as InterfaceSpec);
      continue;
    }
    const { to, ...own } = one as LinkSpec;
    const place = `${option}.interfaces[${index}].to`;
    if (!isRecord(to)) return err(invalidOption(place, to, 'the other end: { node, name }'));
    const { node, ...end } = to;
    if (typeof node !== 'string' || !before.has(node)) {
      return err(invalidOption(`${place}.node`, node, 'the name of a node that stands before this one'));
    }
    if (below !== null && below !== node) {
      return err(invalidOption(`${place}.node`, node, `the same node as the links before: "${below}"`));
    }
    below = node;
    interfaces.push({ ...own, type: 'veth', peer: { ...end, namespace: 'caller' } });
  }
  const listed = spec.interfaces === undefined || Array.isArray(spec.interfaces);
  const { outside, ...declared } = spec;
  const network = { ...declared, ...(listed && spec.interfaces !== undefined ? { interfaces } : {}) } as NetworkSpec;
  return planNetwork(network)
    .mapErr(({ option: inner, value, wanted }) => invalidOption(inner.replace(/^network/, option), value, wanted))
    .andThen((plan) =>
      planOutside(`${option}.outside`, outside).map((way) => ({
        name,
        network,
        below,
        shared: below === null ? sharedOf(plan) : [],
        outside: way,
      })),
    );
};

const planWhole = (spec: VirtualNetworkSpec): Result<WholePlan, InvalidOption> => {
  if (!isRecord(spec)) return err(invalidOption('spec', spec, 'an object: { nodes: { ... } }'));
  const { nodes, rootless } = spec;
  if (!isRecord(nodes) || Object.keys(nodes).length === 0) {
    return err(invalidOption('nodes', nodes, 'an object of at least one node by its name'));
  }
  if (rootless !== undefined && typeof rootless !== 'boolean') {
    return err(invalidOption('rootless', rootless, 'true or false'));
  }
  const plans: NodePlan[] = [];
  for (const [name, node] of Object.entries(nodes)) {
    const plan = planNode(name, node, new Set(plans.map((known) => known.name)));
    if (plan.isErr()) return err(plan.error);
    plans.push(plan.value);
  }
  const { masquerade } = spec;
  if (masquerade === undefined) return ok({ nodes: plans, masquerade: null });
  const from = plans.flatMap(({ shared }) => shared);
  if (from.length === 0) {
    return err(
      invalidOption('masquerade', masquerade, 'a node with a veth pair to the caller, whose end has an address'),
    );
  }
  return planMasquerade('masquerade', masquerade).map(({ interfaces }) => {
    const families = ([4, 6] as const).filter((family) => from.some((network) => network.family === family));
    return { nodes: plans, masquerade: { interfaces, families, from } };
  });
};

const build = async (
  { nodes: plans, masquerade: outward }: WholePlan,
  { rootless = process.geteuid?.() !== 0, backend }: VirtualNetworkSpec,
): Promise<Result<VirtualNetwork, OutsideError>> => {
  const leading = plans.flatMap(({ name, outside: way }) => (way === null ? [] : [{ name, way }]));
  for (const { way } of leading) {
    const tool = openBackend(backend).andThen((known) => findTool(known.backend, way.tool));
    if (tool.isErr()) return err(tool.error);
  }
  const masquerade =
    outward === null ? ok(null) : openBackend(backend).andThen((known) => masqueradeIn(known.backend, outward));
  if (masquerade.isErr()) return err(masquerade.error);
  const nodes = new Map<string, KeptNamespaces>();
  const outside = new Map<string, OutsideConnection>();
  const network = new VirtualNetwork(nodes, outside, masquerade.value);
  const own = backend === undefined ? {} : { backend };
  for (const { name, network: own, below } of plans) {
    const [first] = nodes.values();
    const parent = below === null ? null : nodes.get(below);
    // All share the user namespace that the first one came with; links are made from within the node they go to.
    const inside = parent?.handles ?? (rootless && first !== undefined ? first.handles : []);
    const makesUser = rootless && first === undefined;
    const handles = await keepNew(
      {
        namespaces: makesUser ? ['net', 'user'] : ['net'],
        network: own,
        ...(makesUser ? { mapRootUser: true } : {}),
        ...own,
      },
      inside,
    );
    if (handles.isErr()) {
      network.close();
      return err(handles.error);
    }
    nodes.set(name, new KeptNamespaces(handles.value));
  }
  for (const { name, way } of leading) {
    const connection = await connectOutside(network.node(name), { ...way, ...own });
    if (connection.isErr()) {
      network.close();
      return err(connection.error);
    }
    outside.set(name, connection.value);
  }
  return ok(network);
};

/**
 * Makes networks with links between them, by one declaration.
 *
 * @remarks Each node is a network namespace of its own, which lives until the whole is closed, without a process in it. A
 * link is a veth pair between a node and one that stands before it; a node may have several links, all to the same one,
 * so that the nodes form a tree: leaves at a bridge or a router, and further below. Nothing is connected to the host but what
 * says `outside`. Links take the ffi backend.
 * @param spec - the nodes; `rootless` makes them below a user namespace, which takes no privilege
 * @returns the networks, to be closed; or `invalid-option`, what `spawn` says (`setup-failed` with step `network`), what
 * `enter` says, and with `outside` what `connectOutside` says. After an error nothing is left
 * @example
 * ```ts
 * // Needs the ffi backend, veth and bridge.
 * const network = await createNetwork({
 *   nodes: {
 *     bridge: { interfaces: [{ type: 'bridge', name: 'br0' }] },
 *     left: {
 *       interfaces: [
 *         { type: 'link', name: 'eth0', addresses: ['10.0.0.1/24'], to: { node: 'bridge', name: 'left', master: 'br0' } },
 *       ],
 *     },
 *     right: {
 *       interfaces: [
 *         { type: 'link', name: 'eth0', addresses: ['10.0.0.2/24'], to: { node: 'bridge', name: 'right', master: 'br0' } },
 *       ],
 *     },
 *   },
 * });
 * if (network.isOk()) {
 *   const state = await readNetwork(network.value.node('left'));
 *   if (state.isOk()) console.log(state.value.links.map(({ name }) => name)); // [ 'lo', 'eth0' ]
 *   network.value.close();
 * }
 * ```
 * @see network_namespaces(7), veth(4)
 */
export const createNetwork = (spec: VirtualNetworkSpec): ResultAsync<VirtualNetwork, OutsideError> => {
  const plans = planWhole(spec);
  return new ResultAsync(plans.isErr() ? Promise.resolve(err(plans.error)) : build(plans.value, spec));
};
