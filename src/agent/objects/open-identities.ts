import { ClusterNumbers, Placements } from '../../identity/index.ts';
import { IdentityObjects, IdentityReceipts, type KubeClient } from '../../kube/index.ts';
import type { AgentNode } from '../node/index.ts';
import { Receipt } from './receipt.ts';

export type Identities = {
  readonly numbers: ClusterNumbers;
  readonly placements: Placements;
  readonly receipt: Receipt;
};

/** The cluster's numbers: what the API says of them, and how new ones are come by. */
export function openIdentities({ config, clock }: AgentNode, client: KubeClient): Identities {
  const placements = new Placements({ store: new IdentityObjects(client), clock });
  const numbers = new ClusterNumbers({ placements, namespaceShare: config.identity.namespaceShare / 100 });
  const receipts = new IdentityReceipts(client);
  const receipt = new Receipt({ numbers, receipts, node: config.nodeName, clock });
  return { numbers, placements, receipt };
}
