import { z } from 'zod';
import { isMembraneError } from '../base/index.ts';
import type { KubeClient } from './client.ts';

/** `coordination.k8s.io/v1` Lease: who does something that one alone may do. */
export type LeaseRecord = {
  /** Empty: nobody. */
  readonly holder: string;
  /** How long it holds after it was renewed, in seconds. */
  readonly seconds: number;
  /** As written: RFC 3339 with microseconds. Empty: never. */
  readonly acquiredAt: string;
  readonly renewedAt: string;
  /** How often it went over to another. */
  readonly transitions: number;
  /** Of the object that it was read from; '' for one that is to be made. */
  readonly resourceVersion: string;
};

const schema = z.object({
  metadata: z.object({ resourceVersion: z.string() }),
  spec: z
    .object({
      holderIdentity: z.string().nullish(),
      leaseDurationSeconds: z.int().nullish(),
      acquireTime: z.string().nullish(),
      renewTime: z.string().nullish(),
      leaseTransitions: z.int().nullish(),
    })
    .nullish(),
});

const GROUP = '/apis/coordination.k8s.io/v1';

/** One Lease by its name. */
export class LeaseObject {
  readonly #client: KubeClient;
  readonly #namespace: string;
  readonly #name: string;

  constructor(client: KubeClient, { namespace, name }: { readonly namespace: string; readonly name: string }) {
    this.#client = client;
    this.#namespace = namespace;
    this.#name = name;
  }

  /** Undefined: there is none. */
  async get(): Promise<LeaseRecord | undefined> {
    try {
      return recordOf(await this.#client.request({ method: 'GET', path: this.#path }));
    } catch (error) {
      if (isMembraneError(error, 'E_KUBE_NOT_FOUND')) return undefined;
      throw error;
    }
  }

  /** Undefined: somebody else was faster. */
  async put(record: LeaseRecord): Promise<LeaseRecord | undefined> {
    const { resourceVersion, seconds, holder, acquiredAt, renewedAt, transitions } = record;
    const isNew = resourceVersion === '';
    const body = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: this.#name, namespace: this.#namespace, ...(isNew ? {} : { resourceVersion }) },
      spec: {
        holderIdentity: holder,
        leaseDurationSeconds: seconds,
        acquireTime: acquiredAt,
        renewTime: renewedAt,
        leaseTransitions: transitions,
      },
    };
    try {
      const path = isNew ? this.#collection : this.#path;
      return recordOf(await this.#client.request({ method: isNew ? 'POST' : 'PUT', path, body }));
    } catch (error) {
      if (isMembraneError(error, 'E_KUBE_CONFLICT') || isMembraneError(error, 'E_KUBE_NOT_FOUND')) return undefined;
      throw error;
    }
  }

  get #collection(): string {
    return `${GROUP}/namespaces/${encodeURIComponent(this.#namespace)}/leases`;
  }

  get #path(): string {
    return `${this.#collection}/${encodeURIComponent(this.#name)}`;
  }
}

function recordOf(object: unknown): LeaseRecord {
  const { metadata, spec } = schema.parse(object);
  return {
    holder: spec?.holderIdentity ?? '',
    seconds: spec?.leaseDurationSeconds ?? 0,
    acquiredAt: spec?.acquireTime ?? '',
    renewedAt: spec?.renewTime ?? '',
    transitions: spec?.leaseTransitions ?? 0,
    resourceVersion: metadata.resourceVersion,
  };
}

/** A moment as a Lease has it (`MicroTime`). */
export const microTime = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z');
