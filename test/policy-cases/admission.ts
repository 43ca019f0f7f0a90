import { silentLogger } from '../../src/base/index.ts';
import { kindNamed } from '../../src/policy/index.ts';
import { createApiServer, isApiError, type JsonObject } from '../../src/sandbox/apiserver/index.ts';

/** Why the sandbox's API server refuses an object; undefined: it takes it. */
export function refusal(object: JsonObject & { readonly kind: string }): string | undefined {
  const { store } = createApiServer({ database: ':memory:', token: 'of-no-use', log: silentLogger });
  const { namespace = 'default' } = (object['metadata'] ?? {}) as { namespace?: string };
  try {
    store.create('namespaces', { metadata: { name: namespace } });
    store.create(kindNamed(object.kind).names.plural, object);
    return undefined;
  } catch (error) {
    if (isApiError(error)) return error.message;
    throw error;
  }
}
