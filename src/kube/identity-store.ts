import { isMembraneError } from '../base/index.ts';
import type { CollectedStore, IdentityStore } from '../identity/index.ts';
import type { IdentityId, IdentityObject, Workload } from '../model/index.ts';
import type { KubeClient, ObjectRef } from './client.ts';
import { IDENTITY, identityObject, readIdentity } from './resources/identity.ts';
import { collectionPath, objectPath } from './resources/index.ts';

/** A pod waits for the answer. */
const TIMEOUT_MS = 10_000;

const refOf = (id: IdentityId): ObjectRef => ({ resource: IDENTITY, name: String(id) });

/** The numbers of the cluster as objects of its API. */
export class IdentityObjects implements IdentityStore, CollectedStore {
  readonly #client: KubeClient;

  constructor(client: KubeClient) {
    this.#client = client;
  }

  readonly create = async (id: IdentityId, workload: Workload): Promise<boolean> => {
    const body = identityObject(id, workload);
    const request = { method: 'POST', path: collectionPath(IDENTITY), body, timeoutMs: TIMEOUT_MS } as const;
    return await wasDone(this.#client.request(request));
  };

  readonly get = async (id: IdentityId): Promise<IdentityObject | undefined> => {
    try {
      return readIdentity(await this.#client.get(refOf(id)));
    } catch (error) {
      if (isMembraneError(error, 'E_KUBE_NOT_FOUND')) return undefined;
      throw error;
    }
  };

  readonly keep = async (object: IdentityObject): Promise<boolean> => await this.#mark(object, null);

  readonly retire = async (object: IdentityObject): Promise<boolean> => await this.#mark(object, true);

  readonly remove = async ({ id, resourceVersion, uid }: IdentityObject): Promise<boolean> => {
    const body = { preconditions: { uid, resourceVersion } };
    return await wasDone(this.#client.request({ method: 'DELETE', path: objectPath(IDENTITY, '', String(id)), body }));
  };

  async #mark({ id, resourceVersion }: IdentityObject, retiring: true | null): Promise<boolean> {
    return await wasDone(this.#client.patch(refOf(id), { metadata: { resourceVersion }, retiring }));
  }
}

/** False: it is there already, is another by now, or gone. */
async function wasDone(answer: Promise<unknown>): Promise<boolean> {
  try {
    await answer;
    return true;
  } catch (error) {
    if (isMembraneError(error, 'E_KUBE_CONFLICT') || isMembraneError(error, 'E_KUBE_NOT_FOUND')) return false;
    throw error;
  }
}
