import { isMembraneError } from '../base/index.ts';
import type { SaidProof } from '../model/index.ts';
import type { KubeClient } from './client.ts';
import { NODE_PROOF } from './resources/node-proof.ts';
import { MEMBRANE_GROUP } from './resources/resource.ts';

/** What nodes have proved, as objects of the API. They go with their Node. */
export class NodeProofObjects {
  readonly #client: KubeClient;

  constructor(client: KubeClient) {
    this.#client = client;
  }

  async say(node: { readonly name: string; readonly uid: string }, proof: SaidProof): Promise<void> {
    const object = nodeProofObject(node, proof);
    try {
      await this.#client.patch({ resource: NODE_PROOF, name: node.name }, object);
    } catch (error) {
      if (!isMembraneError(error, 'E_KUBE_NOT_FOUND')) throw error;
      await this.#client.create({ resource: NODE_PROOF }, object);
    }
  }
}

function nodeProofObject(
  { name, uid }: { readonly name: string; readonly uid: string },
  { at, tenants, differing, open, limited, ineffective }: SaidProof,
): object {
  return {
    apiVersion: MEMBRANE_GROUP,
    kind: NODE_PROOF.kind,
    metadata: { name, ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid }] },
    spec: {
      at: new Date(at).toISOString(),
      tenants: Array.from(tenants, ([tenant, generation]) => ({ name: tenant, generation })),
      differing,
      open,
      limited,
      ineffective,
    },
  };
}
