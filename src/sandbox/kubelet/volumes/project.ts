import { type KubeObject, stringMapAt } from '../../apiserver/index.ts';
import type { Pod, Projection, Volume } from '../../client/index.ts';
import type { PodSources } from '../env/container-env.ts';
import { fieldValue, type PodPlace } from '../env/field-ref.ts';
import { resourceValue } from '../env/resource-ref.ts';
import type { Payload, VolumeFile } from './atomic-writer.ts';

/** A token for the pod's service account; throws when there can be none now. */
export type TokenSource = (request: { readonly audience: string; readonly expirationSeconds: number }) => string;

export type ProjectionContext = {
  readonly pod: Pod;
  readonly place: PodPlace;
  readonly sources: PodSources;
  readonly token: TokenSource;
};

export type Projected =
  | { readonly kind: 'files'; readonly files: Payload }
  /** It cannot be had now; worded as the kubelet of Kubernetes does. */
  | { readonly kind: 'missing'; readonly message: string };

type Items = readonly { readonly key: string; readonly path: string; readonly mode?: number | undefined }[];
type DownwardItems = NonNullable<Volume['downwardAPI']>['items'];
type Files = Map<string, VolumeFile>;

class Missing extends Error {}

/** Adds a file that stays within its volume, and out of what the writer keeps there for itself. */
function put(files: Files, path: string, file: VolumeFile): void {
  const steps = path.split('/');
  if (steps.some((step) => step === '' || step === '.' || step === '..') || path.startsWith('..')) {
    throw new Missing(`invalid path: must be a relative path without '..': ${path}`);
  }
  files.set(path, file);
}

/** The files of a volume that is made of objects of the API; `undefined` for any other. */
export function project(volume: Volume, context: ProjectionContext): Projected | undefined {
  const { configMap, secret, downwardAPI, projected } = volume;
  const files: Files = new Map();
  const mode = (configMap ?? secret ?? downwardAPI ?? projected)?.defaultMode;
  if (mode === undefined) return undefined;
  const errors: string[] = [];
  const attempt = (add: () => void): void => {
    try {
      add();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      errors.push(error.message);
    }
  };
  const { sources } = context;
  if (configMap !== undefined) attempt(() => addConfigMap(files, configMap, mode, sources));
  if (secret !== undefined) attempt(() => addSecret(files, { ...secret, name: secret.secretName }, mode, sources));
  if (downwardAPI !== undefined) attempt(() => addDownward(files, downwardAPI.items, mode, context));
  for (const source of projected?.sources ?? []) attempt(() => addProjection(files, source, mode, context));
  const [first = ''] = errors;
  if (errors.length > 0) return { kind: 'missing', message: errors.length === 1 ? first : `[${errors.join(', ')}]` };
  return { kind: 'files', files: readableByGroup(files, context.pod) };
}

/** Whoever is in the pod's `fsGroup` may read. */
function readableByGroup(files: Files, { spec }: Pod): Payload {
  if (spec.securityContext?.fsGroup === undefined) return files;
  return new Map([...files].map(([path, file]) => [path, { ...file, mode: file.mode | 0o440 }]));
}

function addProjection(files: Files, source: Projection, mode: number, context: ProjectionContext): void {
  const { configMap, secret, downwardAPI, serviceAccountToken } = source;
  if (source.clusterTrustBundle !== undefined) throw new Missing('the sandbox has no ClusterTrustBundles');
  if (configMap !== undefined) addConfigMap(files, configMap, mode, context.sources);
  if (secret !== undefined) addSecret(files, secret, mode, context.sources);
  if (downwardAPI !== undefined) addDownward(files, downwardAPI.items, mode, context);
  if (serviceAccountToken === undefined) return;
  const { audience, expirationSeconds, path } = serviceAccountToken;
  const content = Buffer.from(context.token({ audience, expirationSeconds }));
  const { runAsUser, fsGroup } = context.pod.spec.securityContext ?? {};
  const isOwned = runAsUser !== undefined || fsGroup !== undefined;
  put(files, path, { content, mode: isOwned ? 0o600 : mode, ...(runAsUser !== undefined && { uid: runAsUser }) });
}

type Keyed = { readonly name: string; readonly items: Items; readonly optional: boolean };

function addConfigMap(files: Files, source: Keyed, mode: number, sources: PodSources): void {
  const found = sources.configMap(source.name);
  const text = Object.entries(stringMapAt(found, 'data')).map(([key, value]) => [key, Buffer.from(value)] as const);
  const binary = Object.entries(stringMapAt(found, 'binaryData')).map(([key, value]) => [key, decoded(value)] as const);
  addKeys(files, source, mode, { kind: 'configmap', found, data: new Map([...text, ...binary]) });
}

function addSecret(files: Files, source: Keyed, mode: number, sources: PodSources): void {
  const found = sources.secret(source.name);
  const data = new Map(Object.entries(stringMapAt(found, 'data')).map(([key, value]) => [key, decoded(value)]));
  addKeys(files, source, mode, { kind: 'secret', found, data });
}

const decoded = (text: string): Buffer => Buffer.from(text, 'base64');

function addKeys(
  files: Files,
  { name, items, optional }: Keyed,
  mode: number,
  object: {
    readonly kind: 'configmap' | 'secret';
    readonly found: KubeObject | undefined;
    readonly data: ReadonlyMap<string, Buffer>;
  },
): void {
  const { kind, found, data } = object;
  if (found === undefined && !optional) throw new Missing(`${kind} "${name}" not found`);
  if (items.length === 0) for (const [key, content] of data) put(files, key, { content, mode });
  for (const item of items) {
    const content = data.get(item.key);
    if (content !== undefined) put(files, item.path, { content, mode: item.mode ?? mode });
    else if (!optional) {
      const what = kind === 'secret' ? 'secret' : 'config';
      throw new Missing(`${kind === 'secret' ? '' : 'configmap '}references non-existent ${what} key: ${item.key}`);
    }
  }
}

function addDownward(files: Files, items: DownwardItems, mode: number, { pod, place }: ProjectionContext): void {
  for (const item of items) {
    const { fieldRef, resourceFieldRef } = item;
    const value = fieldRef
      ? fieldValue(pod, fieldRef.fieldPath, place)
      : resourceFieldRef && resourceValue(pod, undefined, resourceFieldRef);
    if (value === undefined) {
      throw new Missing(`unsupported ${fieldRef?.fieldPath ?? resourceFieldRef?.resource ?? 'reference'}`);
    }
    put(files, item.path, { content: Buffer.from(value), mode: item.mode ?? mode });
  }
}
