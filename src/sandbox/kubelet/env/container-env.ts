import { type KubeObject, stringMapAt } from '../../apiserver/index.ts';
import type { Container, EnvSource, EnvVar, Pod } from '../../client/index.ts';
import { expand } from './expand.ts';
import { fieldValue, type PodPlace } from './field-ref.ts';
import { resourceValue } from './resource-ref.ts';
import { serviceEnv } from './service-env.ts';

/** Looks things up that a pod names; all of its own namespace but the services, which are all there are. */
export type PodSources = {
  configMap(name: string): KubeObject | undefined;
  secret(name: string): KubeObject | undefined;
  services(): readonly KubeObject[];
};

export type ContainerEnv =
  /** What the pod asks for, without what a runtime adds (PATH, HOME, HOSTNAME). */
  | { readonly kind: 'env'; readonly env: Readonly<Record<string, string>> }
  /** It cannot be had now; worded as the kubelet of Kubernetes does. */
  | { readonly kind: 'missing'; readonly message: string };

class Missing extends Error {}

export function containerEnv(container: Container, pod: Pod, place: PodPlace, sources: PodSources): ContainerEnv {
  try {
    return { kind: 'env', env: build(container, pod, place, sources) };
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    return { kind: 'missing', message: error.message };
  }
}

function build(container: Container, pod: Pod, place: PodPlace, sources: PodSources): Record<string, string> {
  const { namespace } = pod.metadata;
  const services = serviceEnv(sources.services(), { namespace, links: pod.spec.enableServiceLinks });
  const env: Record<string, string> = {};
  for (const source of container.envFrom) Object.assign(env, valuesOf(source, sources));
  for (const variable of container.env) {
    // A variable never sees what it replaces.
    delete env[variable.name];
    delete services[variable.name];
    const value =
      variable.valueFrom === undefined
        ? expand(variable.value, env, services)
        : referenced(variable.valueFrom, { container, pod, place, sources });
    if (value !== undefined) env[variable.name] = value;
  }
  const torn = Object.keys(env).find((name) => env[name]?.includes('\0'));
  if (torn !== undefined) throw new Missing(`environment variable ${torn} holds a NUL byte`);
  return { ...services, ...env };
}

function valuesOf({ prefix, configMapRef, secretRef }: EnvSource, sources: PodSources): Record<string, string> {
  const values = {
    ...(configMapRef && stringMapAt(object('configmap', configMapRef, sources), 'data')),
    ...(secretRef && secretData(object('secret', secretRef, sources))),
  };
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [`${prefix}${key}`, value]));
}

function object(
  kind: 'configmap' | 'secret',
  { name, optional }: { readonly name: string; readonly optional: boolean },
  sources: PodSources,
): KubeObject | undefined {
  const found = kind === 'configmap' ? sources.configMap(name) : sources.secret(name);
  if (found === undefined && !optional) throw new Missing(`${kind} "${name}" not found`);
  return found;
}

function secretData(secret: KubeObject | undefined): Record<string, string> {
  const data = Object.entries(stringMapAt(secret, 'data'));
  return Object.fromEntries(data.map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]));
}

type Asker = {
  readonly container: Container;
  readonly pod: Pod;
  readonly place: PodPlace;
  readonly sources: PodSources;
};

/** `undefined`: it is optional and not there. */
function referenced(from: NonNullable<EnvVar['valueFrom']>, asker: Asker): string | undefined {
  const { container, pod, place, sources } = asker;
  const { configMapKeyRef, secretKeyRef, fieldRef, resourceFieldRef } = from;
  if (fieldRef !== undefined) {
    const value = fieldValue(pod, fieldRef.fieldPath, place);
    if (value === undefined) throw new Missing(`unsupported fieldPath: ${fieldRef.fieldPath}`);
    return value;
  }
  if (resourceFieldRef !== undefined) {
    const value = resourceValue(pod, container, resourceFieldRef);
    if (value === undefined) throw new Missing(`unsupported container resource: ${resourceFieldRef.resource}`);
    return value;
  }
  const ref = configMapKeyRef ?? secretKeyRef;
  if (ref === undefined) return '';
  const kind = configMapKeyRef === undefined ? 'Secret' : 'ConfigMap';
  const found = object(kind === 'Secret' ? 'secret' : 'configmap', ref, sources);
  const data = kind === 'Secret' ? secretData(found) : stringMapAt(found, 'data');
  const value = Object.hasOwn(data, ref.key) ? data[ref.key] : undefined;
  if (value === undefined && !ref.optional) {
    throw new Missing(`couldn't find key ${ref.key} in ${kind} ${pod.metadata.namespace}/${ref.name}`);
  }
  return value;
}
