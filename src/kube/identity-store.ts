import { isMembraneError } from '../base/index.ts';
import type { CollectedStore, IdentityStore } from '../identity/index.ts';
import { type IdentityId, type IdentityObject, type Workload, workloadKey } from '../model/index.ts';
import type { KubeClient, ObjectRef } from './client.ts';
import { writeOwn } from './own-kind.ts';
import { IDENTITY, identityObject, readIdentity } from './resources/identity.ts';
import { collectionPath, objectPath } from './resources/index.ts';

/** A pod waits for the answer. */
const TIMEOUT_MS = 10_000;

const refOf = (id: IdentityId): ObjectRef => ({ resource: IDENTITY, name: String(id) });

/** The numbers of the cluster as objects of its API. */
export class IdentityObjects implements IdentityStore, CollectedStore {
  readonly #client: KubeClient;
  /** What was made last is not what was to be made: nothing more is, before the server would keep it. */
  #isDoubted = false;

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /** E_KUBE_OTHER_KIND: the number would stand for somebody else. */
  readonly create = async (id: IdentityId, workload: Workload): Promise<boolean> => {
    if (this.#isDoubted && !(await wasDone(this.#make(id, workload, { dryRun: 'All' })))) return false;
    try {
      return await wasDone(this.#make(id, workload));
    } catch (error) {
      this.#isDoubted = isMembraneError(error, 'E_KUBE_OTHER_KIND');
      throw error;
    }
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

  async #make(id: IdentityId, workload: Workload, query: { readonly dryRun?: 'All' } = {}): Promise<IdentityObject> {
    const body = identityObject(id, workload);
    const request = { method: 'POST', path: collectionPath(IDENTITY), query, body, timeoutMs: TIMEOUT_MS } as const;
    const key = workloadKey(workload);
    return await writeOwn(this.#client, request, (answer) => {
      const kept = readIdentity(answer);
      return kept.workload !== undefined && workloadKey(kept.workload) === key ? kept : undefined;
    });
  }

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
