import { z } from 'zod';
import { isMembraneError } from '../base/index.ts';
import type { KubeClient } from './client.ts';

/** What a Secret holds, as text. */
export type SecretData = Readonly<Record<string, string>>;

export type SecretRecord = { readonly data: SecretData; readonly resourceVersion: string };

const schema = z.object({
  metadata: z.object({ resourceVersion: z.string().default('') }),
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
      const { metadata, data } = schema.parse(await this.#client.request({ method: 'GET', path: this.#path }));
      const texts = Object.entries(data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]);
      return { data: Object.fromEntries(texts) as SecretData, resourceVersion: metadata.resourceVersion };
    } catch (error) {
      if (isMembraneError(error, 'E_KUBE_NOT_FOUND')) return undefined;
      throw error;
    }
  }

  /** `resourceVersion` of what is replaced; undefined: it is new. False: somebody else was faster. */
  async put(data: SecretData, type: string, resourceVersion: string | undefined): Promise<boolean> {
    const encoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
    const body = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name: this.#name,
        namespace: this.#namespace,
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      },
      type,
      data: Object.fromEntries(encoded) as SecretData,
    };
    try {
      const isNew = resourceVersion === undefined;
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
