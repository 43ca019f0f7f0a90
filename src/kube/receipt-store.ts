import { isMembraneError } from '../base/index.ts';
import type { IdentityReceipt } from '../model/index.ts';
import type { KubeClient } from './client.ts';
import { writeOwn } from './own-kind.ts';
import { IDENTITY_RECEIPT, identityReceiptObject } from './resources/identity-receipt.ts';
import { collectionPath } from './resources/index.ts';

/** What nodes have heard of numbers that are to be deleted, as objects of the API. */
export class IdentityReceipts {
  readonly #client: KubeClient;

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /** What there is of the node already, maybe of an earlier life, stays. */
  async announce(node: string): Promise<void> {
    try {
      await this.#create(node, 0);
    } catch (error) {
      if (!isMembraneError(error, 'E_KUBE_CONFLICT')) throw error;
    }
  }

  /** Also where somebody took it away. */
  async give(node: string, heard: number): Promise<void> {
    const object = identityReceiptObject(node, heard);
    try {
      await this.#client.patch({ resource: IDENTITY_RECEIPT, name: node }, object);
    } catch (error) {
      if (!isMembraneError(error, 'E_KUBE_NOT_FOUND')) throw error;
      await this.#create(node, heard);
    }
  }

  async #create(node: string, heard: number): Promise<void> {
    const request = { method: 'POST', path: collectionPath(IDENTITY_RECEIPT) } as const;
    const isKept = (answer: unknown): boolean | undefined =>
      IDENTITY_RECEIPT.parse(answer).heard === heard ? true : undefined;
    await writeOwn(this.#client, { ...request, body: identityReceiptObject(node, heard) }, isKept);
  }

  /** Of all nodes, as they are at this moment. */
  async list(): Promise<IdentityReceipt[]> {
    const receipts: IdentityReceipt[] = [];
    for await (const { items } of this.#client.list(IDENTITY_RECEIPT)) {
      for (const item of items) receipts.push(IDENTITY_RECEIPT.parse(item));
    }
    return receipts;
  }

  /** Of a node that is gone. */
  async remove(node: string): Promise<void> {
    try {
      await this.#client.delete({ resource: IDENTITY_RECEIPT, name: node });
    } catch (error) {
      if (!isMembraneError(error, 'E_KUBE_NOT_FOUND')) throw error;
    }
  }
}
