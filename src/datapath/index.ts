/** The datapath as the rest of the agent sees it. */
export { type AttachOptions, type TcxHook, TcxLink } from './attach.ts';
export { attachXdp, detachXdp, xdpDevice, xdpProgram } from './attach-xdp.ts';
export { BPFFS, ensureBpffs, removePins } from './bpffs.ts';
export {
  attachSockets,
  detachSockets,
  SOCK_HOOKS,
  type SockAttachOptions,
  socketsAttached,
  socketsDifference,
} from './cgroup-attach.ts';
export {
  type Connection,
  type ConnectionEnd,
  type ConntrackMap,
  connectionOf,
  conntrackMap,
  monotonicTick,
} from './conntrack-map.ts';
export {
  type EndpointDrop,
  type EventLoss,
  type ReasonCounter,
  readCounters,
  readDrops,
  readEventLoss,
  type Traffic,
} from './counters.ts';
export { type Collected, ConntrackCollector } from './ct-gc.ts';
export { type DeviceHooks, listDeviceHooks } from './device-hooks.ts';
export { EndpointAccounts } from './endpoint-accounts.ts';
export { type EndpointWord, type EndpointWords, KernelEndpointWords, WordArray } from './endpoint-words.ts';
export { type EndpointsMap, endpointsCodecs, endpointsMap } from './endpoints-map.ts';
export { FakeMap } from './fake.ts';
export type { ProgFd } from './fd.ts';
export { type Footprint, footprint, type MapFootprint, type ProgramFootprint } from './footprint.ts';
export type {
  BackendValue,
  EndpointValue,
  Event,
  IpcacheValue,
  ServiceKey,
  ServiceSlot,
  ServiceSlotKey,
  ServiceValue,
} from './gen/codecs.ts';
export { CONFIG_DOCS, type Config, ZERO_CONFIG } from './gen/config.ts';
export { MAP_SPECS, type MapName, POLICY_PAIRS } from './gen/layout.ts';
export { Generation, type GenerationOptions } from './generation.ts';
export { type HookProgram, pinnedPrograms, socketPrograms, tcxPrograms } from './hook-programs.ts';
export { type IpcacheMap, ipcacheCodecs, ipcacheMap } from './ipcache-map.ts';
export { installJudges, judgesDifference, removeJudges } from './judges.ts';
export { closeLeftBehind, closeSocketsLeftBehind, programsNamed } from './left-behind.ts';
export { bindAndListen, closeFd, inNetns, openSocket } from './libbpf.ts';
export {
  type EndpointPrograms,
  type LoadOptions,
  loadEndpointPrograms,
  loadPrograms,
  mapIsNeeded,
} from './loader.ts';
export type { TypedMap } from './map.ts';
export { countEntries } from './map-fill.ts';
export { MapSet, type MapSetOptions, type MapSizes } from './map-set.ts';
export { type Link, Netdev, type PodDevice, type PodPath, type VethSpec } from './netdev.ts';
export { netnsCookie } from './netns-cookie.ts';
export { type NetnsEndpointsMap, netnsEndpointsCodecs, netnsEndpointsMap } from './netns-endpoints-map.ts';
export { type FilterChain, listNftChains } from './nft-chains.ts';
export { type ObjectSpec, readObjectSpec } from './object-spec.ts';
export { isOutside, OUTSIDE_WORDS, outsideOf } from './outside.ts';
export { fakePolicyMaps, noPolicyMaps, type PolicyMaps, policyKey, policyMaps } from './policy-maps.ts';
export type { TablePair } from './policy-revisions.ts';
export { policyTableNumber, serialOf, suits, TABLE_SERIALS } from './policy-table-number.ts';
export { type PolicyLeftovers, PolicyTables } from './policy-tables.ts';
export { type Feature, requireFeatures } from './probe.ts';
export { EventRing } from './ring.ts';
export { RunningPrograms, type Wanted } from './running.ts';
export { fakeServiceMaps, type ServiceMaps, serviceMapSizes, serviceMaps } from './service-maps.ts';
export { type InetSocket, SockDiag } from './sock-diag.ts';
export { SocketAccounts, sockAccountsCodecs, sockAccountsMap } from './socket-accounts.ts';
export { SocketRows } from './socket-rows.ts';
export { endStaleSockets, type StaleSocketsOptions, type StaleSocketsResult } from './stale-sockets.ts';
export { listXtablesChains } from './xtables-chains.ts';
