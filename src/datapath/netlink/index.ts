/** Devices, routes, sockets and filter chains of a network namespace. */
export { type DeviceHooks, listDeviceHooks } from './device-hooks.ts';
export { arrivesJoined, setGro } from './gro.ts';
export { LinkList } from './link-list.ts';
export { type NativeRoute, NativeRoutes } from './native-routes.ts';
export { type Link, Netdev, type PodDevice, type PodPath, type VethSpec } from './netdev.ts';
export { netnsCookie } from './netns-cookie.ts';
export { NetworkNews } from './network-news.ts';
export { type FilterChain, listNftChains } from './nft-chains.ts';
export { OverlayNetdev, type OverlaySpec } from './overlay-netdev.ts';
export { type DiagProtocol, type InetSocket, SockDiag } from './sock-diag.ts';
export { listXtablesChains } from './xtables-chains.ts';
