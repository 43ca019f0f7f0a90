import { AgentNotices } from '../../observe/index.ts';
import type { HubbleSource } from './source.ts';

/** A node that nobody else is beside and that tells flows alone; `told`: what is otherwise. */
export const loneNode = (hub: HubbleSource['hub'], told: Partial<HubbleSource> = {}): HubbleSource => ({
  hub,
  notices: new AgentNotices(),
  cluster: 'test',
  node: 'node-1',
  version: '1',
  peers: () => [],
  onPeers: () => undefined,
  serverName: undefined,
  ...told,
});
