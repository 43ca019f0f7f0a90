import { z } from 'zod';
import { isMembraneError } from '../base/index.ts';
import type { KubeClient } from './client.ts';

/** What a Secret holds, as text. */
export type SecretData = Readonly<Record<string, string>>;

export type SecretRecord = {
  readonly data: SecretData;
  readonly resourceVersion: string;
  /** As it stands, with what others have written of it. */
  readonly object: Readonly<Record<string, unknown>>;
};

const schema = z.looseObject({
  metadata: z.looseObject({ resourceVersion: z.string().default('') }),
  data: z.record(z.string(), z.string()).nullish(),
});

/** One Secret by its name. */
export class SecretObject {
  readonly #client: Pick<KubeClient, 'request'>;
  readonly #namespace: string;
  readonly #name: string;

  constructor(
    client: Pick<KubeClient, 'request'>,
    { namespace, name }: { readonly namespace: string; readonly name: string },
  ) {
    this.#client = client;
    this.#namespace = namespace;
    this.#name = name;
  }

  /** Undefined: there is none. */
  async get(): Promise<SecretRecord | undefined> {
    try {
      const object = schema.parse(await this.#client.request({ method: 'GET', path: this.#path }));
      const { metadata, data } = object;
      const texts = Object.entries(data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]);
      return { data: Object.fromEntries(texts) as SecretData, resourceVersion: metadata.resourceVersion, object };
    } catch (error) {
      if (isMembraneError(error, 'E_KUBE_NOT_FOUND')) return undefined;
      throw error;
    }
  }

  /**
   * In place of what `found` holds, and of nothing else of it: its labels are others', and its type nobody can change. Undefined: it is
   * new. False: somebody else was faster.
   */
  async put(data: SecretData, type: string, found: SecretRecord | undefined): Promise<boolean> {
    const encoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
    const isNew = found === undefined;
    const metadata = { name: this.#name, namespace: this.#namespace };
    const body = {
      ...(isNew ? { apiVersion: 'v1', kind: 'Secret', metadata, type } : found.object),
      data: Object.fromEntries(encoded) as SecretData,
    };
    try {
      await this.#client.request({ method: isNew ? 'POST' : 'PUT', path: isNew ? this.#collection : this.#path, body });
      return true;
    } catch (error) {
      if (isMembraneError(error, 'E_KUBE_CONFLICT') || isMembraneError(error, 'E_KUBE_NOT_FOUND')) return false;
      throw error;
    }
  }

  get #collection(): string {
    return `/api/v1/namespaces/${encodeURIComponent(this.#namespace)}/secrets`;
  }

  get #path(): string {
    return `${this.#collection}/${encodeURIComponent(this.#name)}`;
  }
}
