import type { SpawnPlan } from '../../../lib/plan.ts';
import type { Arch } from '../abi/syscalls.ts';
import { CARRIER_PREFIX_SIZE, CARRIER_PROGRAM_BASE, setProgramSize } from '../carrier/elf.ts';
import type { MappedMemory } from '../native.ts';
import { ProgramBuilder } from '../program/builder.ts';
import { HEADER } from '../program/layout.ts';
import { addChild, addMailbox, type Mailbox } from './child-program.ts';
import { addLaunch, type LaunchSlots, type Vehicle } from './launch-program.ts';
import type { MountApi } from './mount-target.ts';
import { type HostKind, place } from './placement.ts';
import { RECORD_KIND } from './records.ts';

/** How a spawn is done on this machine, as far as it is known by now. */
export interface Manner {
  readonly host: HostKind;
  /** What the child becomes before it becomes the command: a carrier's; else null. */
  readonly vehicle: Vehicle | null;
  readonly clone3: boolean;
  /** The clone puts the child into its cgroup, until it has been found that it does not. */
  readonly intoCgroup: boolean;
  readonly mountApi: MountApi;
  readonly strays: readonly number[] | null;
  /** Where libc keeps the pointer to the caller's environment; null where process.env is not that. */
  readonly environ: number | null;
  /** Signals come to this thread: the status pipe is to send one when it has something to say. */
  readonly signals: boolean;
  readonly measured: boolean;
}

/** The manner of the newest kernel, but for who hosts the child: what is compiled to be read, and never run. */
export const NEWEST: Omit<Manner, 'host' | 'vehicle'> = {
  clone3: true,
  intoCgroup: true,
  mountApi: 'fd',
  strays: null,
  environ: 0,
  signals: true,
  measured: false,
};

/** A spawn as programs, laid out in an arena and ready to run. */
export interface CompiledSpawn {
  readonly launch: ProgramBuilder;
  /** What the child does, in a carrier or where it lies. */
  readonly child: ProgramBuilder;
  /** Whether a child beside Node has come as far as its execve; nothing else can be asked. */
  readonly isReady: () => boolean;
  /** The mailbox in the launch's memory. */
  readonly mailbox: Mailbox;
  readonly slots: LaunchSlots;
  /** Reads a 32-bit number at an address of the launch's memory, the mailbox included. */
  readonly int32: (address: number) => number;
  /** Bytes of the arena in use. */
  readonly size: number;
}

/** An upper bound of what a plan's strings and ops take, bytes; a builder that runs out of it says so. */
export const spaceFor = (plan: SpawnPlan): number => {
  let bytes = 65_536;
  for (const text of plan.argv) bytes += text.length * 3 + 16;
  for (const text of plan.env ?? []) bytes += text.length * 3 + 16;
  for (const entry of plan.mounts) bytes += entry.type === 'file' ? entry.content.length : 0;
  for (const dir of plan.searchPath) bytes += (dir.length + plan.command.length) * 3 + 128;
  return bytes + plan.stdio.length * 1_024 + (plan.process?.seccomp?.length ?? 0);
};

const translated = (mailbox: Mailbox, distance: number): Mailbox => ({
  status: mailbox.status + distance,
  socket: mailbox.socket,
  go: mailbox.go === null ? null : mailbox.go + distance,
  parent: mailbox.parent === null ? null : mailbox.parent + distance,
  entered: mailbox.entered + distance,
  pipes: mailbox.pipes.map((pair) => (pair === null ? null : pair + distance)),
});

/** uid 0 inside from the first moment on: then the execve of the carrier keeps all capabilities by itself. */
const isRootInside = ({ idMap }: SpawnPlan): boolean =>
  idMap?.writer === 'self' && idMap.uid.some(({ inside }) => inside === 0);

/** The set-up goes on to use capabilities over its new user namespace after the clone. */
const usesCapabilities = (plan: SpawnPlan, placed: ReturnType<typeof place>): boolean =>
  placed.unshare.length > 0 ||
  placed.nested !== null ||
  plan.propagation !== null ||
  plan.root !== null ||
  plan.hostname !== null ||
  plan.domainname !== null ||
  plan.credentials !== null ||
  plan.timeOffsets !== null ||
  plan.idMap?.become.uid === 0 ||
  plan.idMap?.become.gid === 0;

/**
 * Compiles a plan into what Node does and what the child does.
 *
 * @throws SpaceExhausted when the arena is too small
 */
export const compileSpawn = (plan: SpawnPlan, manner: Manner, arena: MappedMemory, arch: Arch): CompiledSpawn => {
  const { host, vehicle, clone3, intoCgroup, mountApi, strays, environ, signals, measured } = manner;
  const placement = place(plan, host);
  const keepCapabilities =
    host === 'carrier' &&
    plan.namespaces.includes('user') &&
    plan.owner === null &&
    plan.enter === null &&
    !isRootInside(plan) &&
    usesCapabilities(plan, placement);
  const inNode = vehicle === null;
  const { bytes, words, address } = arena;
  const at = address + CARRIER_PREFIX_SIZE;
  const base = inNode ? at : CARRIER_PROGRAM_BASE;
  // The arena may serve for a carrier next: its prefix stays.
  const child = new ProgramBuilder({ bytes, words, offset: CARRIER_PREFIX_SIZE, base, arch });
  child.recordKind(RECORD_KIND.childFailed);
  const inChild = addMailbox(child, plan);
  const ready = addChild(child, inChild, {
    plan,
    host,
    cloned: clone3 && intoCgroup,
    handlers: inNode && !clone3,
    placement,
    keptCapabilities: keepCapabilities,
    mountApi,
    strays,
    envp: inNode || environ === null ? environ : base + HEADER.envp,
  });
  child.finish();
  setProgramSize(bytes, child.size);
  const mailbox = translated(inChild, at - base);
  const end = CARRIER_PREFIX_SIZE + child.size;
  const offset = Math.ceil(end / 64) * 64;
  const launch = new ProgramBuilder({ bytes, words, offset, base: address + offset, arch });
  launch.recordKind(RECORD_KIND.launchFailed);
  const slots = addLaunch(launch, {
    plan,
    placement,
    keepCapabilities,
    clone3,
    intoCgroup,
    environ,
    strays,
    signals,
    measured,
    mailbox,
    carrier: vehicle && { image: { address, size: end }, vehicle },
    childProgram: at,
    suspends: host !== 'beside',
  });
  launch.finish();
  const int32 = (where: number): number => bytes.readInt32LE(where - address);
  const isReady = (): boolean => ready !== null && child.result(ready) === 0;
  return { launch, child, isReady, mailbox, slots, int32, size: offset + launch.size };
};
