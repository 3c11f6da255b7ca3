export type { Backend, IpcRun, Launched, Masquerade, NetworkRun, NetworkWatchRun, SpawnTiming } from './backend.ts';
export { CAPABILITY_NAMES, type CapabilityName, SECUREBITS, type SecurebitName } from './capability.ts';
export { type CheckError, type CheckSpec, check, readSnapshot, takeSnapshot } from './check.ts';
export { CHECKS, type CheckName, FEATURES, type Feature, type Who } from './check-names.ts';
export { Child } from './child.ts';
export { enter, explainEnter } from './enter.ts';
export type { EnterSpec, EnterTarget } from './enter-spec.ts';
export { ERRNO, type ErrnoName, errnoName } from './errno.ts';
export type {
  Aborted,
  BackendUnavailable,
  Diagnosis,
  EnterError,
  ExecFailed,
  ExitError,
  ExitLost,
  InvalidOption,
  IpcFailed,
  LaunchError,
  MoveError,
  NamespaceError,
  NamespaceUnavailable,
  OutputLimit,
  PinFailed,
  PoolClosed,
  ProcessGone,
  ResizeFailed,
  RunError,
  SetupFailed,
  SetupStep,
  SignalFailed,
  SpawnError,
  TimedOut,
  Unsupported,
  WatchEnded,
} from './errors.ts';
export { SETUP_STEPS } from './errors.ts';
export type { ExitStatus, ResourceUsage } from './exit.ts';
export { explain } from './explain.ts';
export type {
  Attempt,
  BackendReport,
  CheckReport,
  Finding,
  MissingEvidence,
  Subject,
  Verdict,
} from './host/assess.ts';
export type { Confined } from './host/confinement.ts';
export type { Failure } from './host/failure.ts';
export type { Observed, SnapshotDocument, Tried } from './host/snapshot.ts';
export { type FullIdRange, fitIdRange, type Identity, type IdMapPlan, type IdMapWord, type IdRange } from './id-map.ts';
export { type InspectSpec, inspect } from './inspect/inspect.ts';
export type {
  FdHolder,
  Holders,
  Inspection,
  NamespaceInfo,
  Pin,
  ProcessInfo,
  ThreadHolder,
  Unseen,
} from './inspect/model.ts';
export type { IpAddress, IpNetwork } from './ip-address.ts';
export type { IpcLimits, IpcListing, IpcObject, MemoryInfo, QueueInfo, SemaphoresInfo } from './ipc/listing.ts';
export { Ipc, type IpcSpec, ipc, type PosixQueue } from './ipc/namespace.ts';
export type { IpcError, StopSpec } from './ipc/perform.ts';
export { PosixMemory, type PosixMemoryInfo, posixMemory } from './ipc/posix-memory.ts';
export { type CreateSpec, type IpcMessage, type SemaphoreDetail, SystemVIpc, type WaitSpec } from './ipc/system-v.ts';
export type { IpcAnswer, IpcRequest, SemaphoreOperation } from './ipc.ts';
export type { KernelReader, OpenedNamespace, Question, Relations, Step } from './kernel-reader.ts';
export { type MeasureSpec, measureSpawn } from './measure.ts';
export { measureOperation } from './measure-operation.ts';
export type { Mounter, MountRefusal } from './mounter.ts';
export type {
  BindMount,
  ChangeEntry,
  DevMount,
  DirectoryEntry,
  FileMount,
  KernelMount,
  MountFlags,
  MountPlanEntry,
  MountSpec,
  OverlayMount,
  ProcMount,
  PropagationEntry,
  RootMethod,
  RootSpec,
  SymlinkEntry,
  TmpfsMount,
} from './mounts.ts';
export {
  cloneFlags,
  isNamespaceType,
  NAMESPACE_TYPES,
  NAMESPACES,
  type NamespaceFacts,
  type NamespaceType,
} from './namespace.ts';
export { NamespaceHandle } from './namespace-handle.ts';
export { type NamespaceIds, namespaceIds } from './namespace-ids.ts';
export { KeptNamespaces, type KeptRunSpec } from './network/kept.ts';
export {
  connectOutside,
  type NodeOutside,
  OutsideConnection,
  type OutsideError,
  type OutsideSpec,
} from './network/outside.ts';
export type { OutsideTool } from './network/outside-tools.ts';
export { createPool, NamespacePool, type PoolError, PooledNamespaces, type PoolSpec } from './network/pool.ts';
export type { NetworkTarget, ReadNetworkError } from './network/question.ts';
export { readNetwork } from './network/read-network.ts';
export {
  createNetwork,
  type LinkSpec,
  type NodeSpec,
  VirtualNetwork,
  type VirtualNetworkSpec,
} from './network/virtual-network.ts';
export { NetworkWatcher, type WatchEvent, type WatchSpec, watchNetwork } from './network/watch-network.ts';
export { withNetwork } from './network/with-network.ts';
export type {
  CallerMasquerade,
  InterfaceOptions,
  InterfacePlan,
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
export type { AddressOwner, NetworkEvent, NetworkNews } from './network-news.ts';
export type { AddressState, LinkState, NetworkState, RouteState } from './network-state.ts';
export type { Nsfs, NsfsRefusal } from './nsfs.ts';
export { type OpenedBackend, openBackend } from './open.ts';
export { type NamespaceSource, type OpenError, type OpenSpec, openNamespace } from './open-namespace.ts';
export type { KernelOperation, OperationTimes } from './operation.ts';
export { type PinError, type PinPlace, type PinSpec, pin, type UnpinSpec, unpin } from './pin.ts';
export type {
  CgroupPlan,
  ClockOffset,
  CredentialsPlan,
  EnterPlan,
  JoinPlan,
  MountAttributes,
  MountPlan,
  MountPropagation,
  ProcessPlan,
  Propagation,
  PtySize,
  RootPlan,
  SpawnPlan,
  StdioPlan,
  ThreadPlan,
  TimeOffsetsPlan,
} from './plan.ts';
export type { ThreadSpec } from './plan-thread.ts';
export {
  type FailureStep,
  OTHER_STEPS,
  type Probe,
  type ProbeFailure,
  type ProbeMapHelper,
  type ProbeOutcome,
  type ProbePlan,
} from './probe.ts';
export {
  type OpenProcessError,
  type OpenProcessSpec,
  openProcess,
  ProcessHandle,
  type ProcessTarget,
} from './process-handle.ts';
export { RLIMITS, type Rlimit, type RlimitName, type RlimitPlan, type RlimitValue } from './rlimit.ts';
export { type RunResult, run } from './run.ts';
export type { SignalName } from './signal.ts';
export type { SocketTarget } from './socket-fd.ts';
export { spawn } from './spawn.ts';
export type { BackendChoice, CapabilitySet, RunSpec, SpawnSpec, Stdio, TimeOffset } from './spec.ts';
export type { Loudness } from './thread/loud.ts';
export { setnsThread, type ThreadError, unshareThread } from './thread/move.ts';
export { NamespaceWorker, type NamespaceWorkerError, type NamespaceWorkerOptions } from './thread/namespace-worker.ts';
