import { isDeepStrictEqual } from 'node:util';
import { isMembraneError } from '../base/index.ts';
import type { SaidProof } from '../model/index.ts';
import type { KubeClient } from './client.ts';
import { writeOwn } from './own-kind.ts';
import { NODE_PROOF } from './resources/node-proof.ts';
import { collectionPath, MEMBRANE_GROUP, objectPath } from './resources/resource.ts';

/** What nodes have proved, as objects of the API: whole or not at all, for what is missing would be a proof. They go with their Node. */
export class NodeProofObjects {
  readonly #client: KubeClient;

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /** As `writeOwn` throws. */
  async say(node: { readonly name: string; readonly uid: string }, proof: SaidProof): Promise<void> {
    const body = nodeProofObject(node, proof);
    const meant = contentOf(body);
    const isKept = (answer: unknown): true | undefined =>
      isDeepStrictEqual(contentOf(answer), meant) ? true : undefined;
    const path = objectPath(NODE_PROOF, '', node.name);
    const contentType = 'application/merge-patch+json';
    try {
      await writeOwn(this.#client, { method: 'PATCH', path, body, contentType }, isKept);
    } catch (error) {
      if (!isMembraneError(error, 'E_KUBE_NOT_FOUND')) throw error;
      await writeOwn(this.#client, { method: 'POST', path: collectionPath(NODE_PROOF), body }, isKept);
    }
  }
}

function contentOf(object: unknown) {
  const { uid: _, ...content } = NODE_PROOF.parse(object);
  return content;
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
