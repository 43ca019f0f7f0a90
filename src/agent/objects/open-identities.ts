import { ClusterNumbers, Placements } from '../../identity/index.ts';
import { IdentityObjects, type KubeClient } from '../../kube/index.ts';
import type { AgentNode } from '../node/index.ts';

export type Identities = { readonly numbers: ClusterNumbers; readonly placements: Placements };

/** The cluster's numbers: what the API says of them, and how new ones are come by. */
export function openIdentities({ config, clock }: AgentNode, client: KubeClient): Identities {
  const placements = new Placements({ store: new IdentityObjects(client, config.nodeName), clock });
  const { grace, namespaceShare } = config.identity;
  const numbers = new ClusterNumbers({ placements, clock, grace: grace * 1_000, namespaceShare: namespaceShare / 100 });
  return { numbers, placements };
}
