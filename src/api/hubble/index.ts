export { HubbleServer, type HubbleTls } from './hubble-server.ts';
export type { HubblePeer, HubbleSource } from './source.ts';
