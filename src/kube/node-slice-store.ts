import { isDeepStrictEqual } from 'node:util';
import { isMembraneError } from '../base/index.ts';
import { type NodeEndpointSlice, nodeEndpointSliceName } from '../model/index.ts';
import type { KubeClient, ObjectRef } from './client.ts';
import { writeOwn } from './own-kind.ts';
import { collectionPath, NODE_ENDPOINT_SLICE, nodeEndpointSliceObject, objectPath } from './resources/index.ts';

type Content = Pick<NodeEndpointSlice, 'node' | 'slice' | 'nodeUid' | 'endpoints'>;

/** Other nodes wait for it. */
const TIMEOUT_MS = 10_000;

const NOBODYS_UID = '00000000-0000-0000-0000-000000000000';

const refOf = (name: string): ObjectRef => ({ resource: NODE_ENDPOINT_SLICE, name });

/** What a node tells of its pods, as objects of the API. */
export class NodeSliceObjects {
  readonly #client: Pick<KubeClient, 'request' | 'get'>;

  constructor(client: Pick<KubeClient, 'request' | 'get'>) {
    this.#client = client;
  }

  /** In place of the version of `resourceVersion`; undefined: there is none yet. E_KUBE_CONFLICT, E_KUBE_NOT_FOUND, and as `writeOwn`. */
  async write(content: Content, resourceVersion: string | undefined): Promise<NodeEndpointSlice> {
    const name = nodeEndpointSliceName(content.node, content.slice);
    const body = nodeEndpointSliceObject(content, resourceVersion);
    const request =
      resourceVersion === undefined
        ? ({ method: 'POST', path: collectionPath(NODE_ENDPOINT_SLICE) } as const)
        : ({ method: 'PUT', path: objectPath(NODE_ENDPOINT_SLICE, '', name) } as const);
    return await writeOwn(this.#client, { ...request, body, timeoutMs: TIMEOUT_MS }, (answer) => {
      const kept = NODE_ENDPOINT_SLICE.parse(answer);
      return isDeepStrictEqual(kept.endpoints, content.endpoints) ? kept : undefined;
    });
  }

  /** Whether the server would take one of that node from us. Nothing is written. */
  async mayWrite(node: string): Promise<boolean> {
    const body = nodeEndpointSliceObject({ node, slice: 0, nodeUid: NOBODYS_UID, endpoints: [] });
    const path = collectionPath(NODE_ENDPOINT_SLICE);
    try {
      await this.#client.request({ method: 'POST', path, query: { dryRun: 'All' }, body, timeoutMs: TIMEOUT_MS });
      return true;
    } catch (error) {
      if (isMembraneError(error, 'E_KUBE_FORBIDDEN')) return false;
      // It is there: the server would have taken it.
      if (isMembraneError(error, 'E_KUBE_CONFLICT')) return true;
      throw error;
    }
  }

  /** As it is now, with nobody in it where it cannot be read; undefined: there is none. */
  async read(node: string, slice: number): Promise<NodeEndpointSlice | undefined> {
    const name = nodeEndpointSliceName(node, slice);
    try {
      return readSlice(await this.#client.get(refOf(name)), { node, slice });
    } catch (error) {
      if (isMembraneError(error, 'E_KUBE_NOT_FOUND')) return undefined;
      throw error;
    }
  }

  /** Deleting what is gone is success. E_KUBE_CONFLICT: it is another by now. */
  async remove({ name, uid, resourceVersion }: NodeEndpointSlice): Promise<void> {
    const path = objectPath(NODE_ENDPOINT_SLICE, '', name);
    const body = { preconditions: { uid, resourceVersion } };
    try {
      await this.#client.request({ method: 'DELETE', path, body, timeoutMs: TIMEOUT_MS });
    } catch (error) {
      if (!isMembraneError(error, 'E_KUBE_NOT_FOUND')) throw error;
    }
  }
}

function readSlice(object: unknown, { node, slice }: Pick<Content, 'node' | 'slice'>): NodeEndpointSlice {
  try {
    return NODE_ENDPOINT_SLICE.parse(object);
  } catch {
    const { uid = '', resourceVersion = '' } =
      (object as { metadata?: { uid?: string; resourceVersion?: string } }).metadata ?? {};
    const name = nodeEndpointSliceName(node, slice);
    return { uid, namespace: '', name, node, slice, nodeUid: '', resourceVersion, endpoints: [] };
  }
}
