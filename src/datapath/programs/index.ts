/** What runs: loading, attaching, comparing with what should run, and clearing away. */

export { type AttachOptions, type TcxHook, TcxLink } from './attach.ts';
export { attachXdp, detachXdp, xdpDevice, xdpProgram } from './attach-xdp.ts';
export {
  attachSockets,
  detachSockets,
  pinnedSocketsDifference,
  SOCK_HOOKS,
  type SockAttachOptions,
  socketsAttached,
  socketsDifference,
} from './cgroup-attach.ts';
export { ConntrackCollector } from './ct-gc.ts';
export { type Footprint, footprint, type MapFootprint, type ProgramFootprint } from './footprint.ts';
export { Generation, type GenerationOptions } from './generation.ts';
export { type HookProgram, pinnedPrograms, socketPrograms, tcxPrograms } from './hook-programs.ts';
export { installJudges, JUDGE_PROGRAMS, judgesDifference, removeJudges } from './judges.ts';
export { type Hook, type KernelInventory, kernelInventory } from './kernel-inventory.ts';
export { closeLeftBehind, closeSocketsLeftBehind, programsNamed } from './left-behind.ts';
export { type EndpointPrograms, type LoadOptions, loadEndpointPrograms, loadPrograms } from './loader.ts';
export { PacketTrial, type TrialResult, type TrialSpecs } from './packet-trial.ts';
export { RunningPrograms, type Wanted } from './running.ts';
export { SocketRows } from './socket-rows.ts';
export { endStaleSockets, type StaleSocketsOptions, type StaleSocketsResult } from './stale-sockets.ts';
export { SWITCHES, type Switch } from './switches.ts';
