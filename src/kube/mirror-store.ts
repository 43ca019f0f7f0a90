import { z } from 'zod';
import { isMembraneError } from '../base/index.ts';
import { MIRROR_LABEL, type ObjectRow } from '../model/index.ts';
import { networkPolicy } from '../policy/index.ts';
import type { KubeClient } from './client.ts';
import { policyResource } from './resources/index.ts';

/** A NetworkPolicy that nobody enforces, as it stands. */
export type MirrorObject = {
  readonly namespace: string;
  readonly name: string;
  readonly spec: unknown;
};

const FLOOR = 'floor';
const TEXT = 'membrane.io/mirror-of';
const RESOURCE = policyResource(networkPolicy);
const schema = z.object({
  metadata: z.object({ namespace: z.string(), name: z.string() }),
  spec: z.unknown().optional(),
});

/** The NetworkPolicies that say what the floor does. */
export class MirrorObjects {
  readonly #client: Pick<KubeClient, 'create' | 'delete' | 'list'>;

  constructor(client: Pick<KubeClient, 'create' | 'delete' | 'list'>) {
    this.#client = client;
  }

  async list(): Promise<MirrorObject[]> {
    const found: MirrorObject[] = [];
    for await (const { items } of this.#client.list(RESOURCE, { labelSelector: `${MIRROR_LABEL}=${FLOOR}` })) {
      for (const item of items) {
        const { metadata, spec } = schema.parse(item);
        found.push({ ...metadata, spec });
      }
    }
    return found;
  }

  /** `text`: what it is of. False: there is something of that name, or the namespace is gone. */
  async create({ namespace, name, spec }: MirrorObject, text: string): Promise<boolean> {
    const { group, version, kind } = networkPolicy.names;
    const object = {
      apiVersion: `${group}/${version}`,
      kind,
      metadata: { namespace, name, labels: { [MIRROR_LABEL]: FLOOR }, annotations: { [TEXT]: text } },
      spec,
    };
    return await wasDone(this.#client.create({ resource: RESOURCE, namespace }, object));
  }

  /** False: it is gone already. */
  async delete({ namespace, name }: Pick<ObjectRow, 'namespace' | 'name'>): Promise<boolean> {
    return await wasDone(this.#client.delete({ resource: RESOURCE, namespace, name }));
  }
}

async function wasDone(answer: Promise<unknown>): Promise<boolean> {
  try {
    await answer;
    return true;
  } catch (error) {
    if (isMembraneError(error, 'E_KUBE_CONFLICT') || isMembraneError(error, 'E_KUBE_NOT_FOUND')) return false;
    throw error;
  }
}
