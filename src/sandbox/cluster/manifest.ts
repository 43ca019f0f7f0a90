import { errorMessage, namespacedName, silentLogger } from '../../base/index.ts';
import { type Refuse, readYamlFile } from '../../base/yaml.ts';
import { manifestObjects } from '../../model/manifest.ts';
import { type ApiStore, createApiServer, isApiError, type Json, type JsonObject } from '../apiserver/index.ts';
import { sandboxErrors } from '../errors.ts';

/** Whose fields of an object are those that a manifest says. */
const MANAGER = 'membrane-sandbox';

export type ManifestObject = JsonObject & {
  apiVersion: string;
  kind: string;
  metadata: JsonObject & { name: string; namespace?: string };
};

/** The Kubernetes objects of a YAML text, lists opened. `source` is named in messages. Throws E_SANDBOX_MANIFEST. */
export function parseManifest(text: string, source: string): ManifestObject[] {
  const refuse = refusal(source);
  return manifestObjects(text, refuse).map((value) => {
    const object = value as ManifestObject;
    if (typeof object.apiVersion !== 'string' || typeof object.kind !== 'string') {
      throw refuse('an object has no apiVersion or kind');
    }
    if (typeof object.metadata?.name !== 'string') throw refuse(`a ${object.kind} has no metadata.name`);
    return object;
  });
}

/** A wrong file, or one that was not written to its end: as kubectl, which refuses it unless others have objects. */
function nothingIn(paths: readonly string[]): Error {
  return sandboxErrors.make('E_SANDBOX_MANIFEST', {
    detail: `no objects in ${paths.join(', ')}`,
    remedy: 'Name the file that was meant, or none.',
  });
}

function refusal(source: string): Refuse {
  return (detail, cause) => sandboxErrors.make('E_SANDBOX_MANIFEST', { detail: `${source}: ${detail}`, cause });
}

/**
 * Creates each object of a YAML text, or brings the one that is there to what is written. `source` is named in messages.
 * Throws E_SANDBOX_MANIFEST at the first refusal.
 */
export function applyManifest(store: ApiStore, text: string, source: string): void {
  for (const object of parseManifest(text, source)) {
    const { kind, apiVersion, metadata } = object;
    const definition = store.catalog.served.find(
      (d) => d.kind === kind && (d.group === '' ? d.version : `${d.group}/${d.version}`) === apiVersion,
    );
    const name = `${source}: ${kind} ${namespacedName(metadata)}`;
    if (definition === undefined) {
      throw sandboxErrors.make('E_SANDBOX_MANIFEST', { detail: `${name}: there is no kind ${kind} in ${apiVersion}` });
    }
    const namespace = definition.namespaced ? (metadata.namespace ?? 'default') : undefined;
    const key = { namespace, name: metadata.name };
    try {
      const fresh = structuredClone(object) as Json;
      if (isRunning(kind)) store.apply(definition, key, fresh, { fieldManager: MANAGER, force: true });
      else if (store.get(definition.resource, key) === undefined) store.create(definition, fresh, { namespace });
      else store.update(definition, fresh, { key });
    } catch (cause) {
      const detail = `${name}: ${isApiError(cause) ? cause.message : errorMessage(cause)}`;
      throw sandboxErrors.make('E_SANDBOX_MANIFEST', { detail, cause });
    }
  }
}

/**
 * Applies the files to a server that serves nobody, so that what is wrong with them is known before a cluster stands.
 * Throws E_SANDBOX_MANIFEST.
 */
export async function rehearseManifests(paths: readonly string[]): Promise<void> {
  const server = createApiServer({ database: ':memory:', token: '', log: silentLogger });
  try {
    let objects = 0;
    for (const path of paths) {
      const text = await readManifest(path);
      objects += parseManifest(text, path).length;
      applyManifest(server.store, text, path);
    }
    if (objects === 0 && paths.length > 0) throw nothingIn(paths);
  } finally {
    await server.close();
  }
}

/** Has much that no manifest says: what is written is changed, and what is not written any more goes. */
const isRunning = (kind: string): boolean => kind === 'Pod' || kind === 'Node';

/** Throws E_SANDBOX_MANIFEST. */
export async function readManifest(path: string): Promise<string> {
  return await readYamlFile(path, refusal(path));
}
