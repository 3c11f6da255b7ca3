import type { SpawnPlan } from '../../../lib/plan.ts';
import type { Arch } from '../abi/syscalls.ts';
import { CARRIER_PREFIX_SIZE, CARRIER_PROGRAM_BASE, setProgramSize } from '../carrier/elf.ts';
import type { MappedMemory } from '../native.ts';
import { ProgramBuilder } from '../program/builder.ts';
import { HEADER } from '../program/layout.ts';
import { addChild, addMailbox, type Mailbox } from './child-program.ts';
import { addLaunch, type LaunchSlots, type Vehicle } from './launch-program.ts';
import type { MountApi } from './mount-target.ts';
import { place } from './placement.ts';
import { RECORD_KIND } from './records.ts';

/** How a spawn is done on this machine, as far as it is known by now. */
export interface Manner {
  /** What the child becomes before it becomes the command; null: nothing (straight). */
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

/** A spawn as programs, laid out in an arena and ready to run. */
export interface CompiledSpawn {
  readonly launch: ProgramBuilder;
  /** The carrier's program; null when the child's part stands in the launch (straight). */
  readonly carrier: ProgramBuilder | null;
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
 * Compiles a plan into the launch program and the carrier.
 *
 * @throws SpaceExhausted when the arena is too small
 */
export const compileSpawn = (plan: SpawnPlan, manner: Manner, arena: MappedMemory, arch: Arch): CompiledSpawn => {
  const { vehicle, clone3, intoCgroup, mountApi, strays, environ, signals, measured } = manner;
  const host = vehicle === null ? 'straight' : 'carrier';
  const placement = place(plan, host);
  const keepCapabilities =
    host === 'carrier' &&
    plan.namespaces.includes('user') &&
    plan.owner === null &&
    plan.enter === null &&
    !isRootInside(plan) &&
    usesCapabilities(plan, placement);
  const handlers = host === 'straight' && !clone3;
  const child = {
    plan,
    cloned: clone3 && intoCgroup,
    handlers,
    placement,
    keptCapabilities: keepCapabilities,
    mountApi,
    strays,
  } as const;
  const { bytes, words, address } = arena;
  const int32 = (at: number): number => bytes.readInt32LE(at - address);
  const common = { plan, placement, keepCapabilities, clone3, intoCgroup, environ, signals, measured };

  if (vehicle === null) {
    // The arena may serve for a carrier next: its prefix stays.
    const offset = CARRIER_PREFIX_SIZE;
    const launch = new ProgramBuilder({ bytes, words, offset, base: address + offset, arch });
    launch.recordKind(RECORD_KIND.launchFailed);
    const mailbox = addMailbox(launch, plan);
    const slots = addLaunch(launch, {
      ...common,
      mailbox,
      carrier: null,
      addChild: () => addChild(launch, mailbox, { ...child, envp: environ }),
    });
    launch.finish();
    return { launch, carrier: null, mailbox, slots, int32, size: offset + launch.size };
  }
  const carrier = new ProgramBuilder({ bytes, words, offset: CARRIER_PREFIX_SIZE, base: CARRIER_PROGRAM_BASE, arch });
  carrier.recordKind(RECORD_KIND.carrierFailed);
  const inCarrier = addMailbox(carrier, plan);
  addChild(carrier, inCarrier, { ...child, envp: environ === null ? null : carrier.base + HEADER.envp });
  carrier.finish();
  setProgramSize(bytes, carrier.size);
  const mailbox = translated(inCarrier, address + CARRIER_PREFIX_SIZE - CARRIER_PROGRAM_BASE);
  const end = CARRIER_PREFIX_SIZE + carrier.size;
  const offset = Math.ceil(end / 64) * 64;
  const launch = new ProgramBuilder({ bytes, words, offset, base: address + offset, arch });
  launch.recordKind(RECORD_KIND.launchFailed);
  const slots = addLaunch(launch, {
    ...common,
    mailbox,
    carrier: { image: { address, size: end }, vehicle },
    addChild: () => {},
  });
  launch.finish();
  return { launch, carrier, mailbox, slots, int32, size: offset + launch.size };
};
