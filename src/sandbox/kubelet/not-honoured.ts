import { at, isObject, type Json, listAt, objectAt, stringAt } from '../../base/index.ts';
import type { KubeObject } from '../apiserver/index.ts';

/** Of a pod's spec, with the values that ask for nothing. */
const OF_PODS: Readonly<Record<string, readonly Json[]>> = {
  hostPID: [false],
  hostIPC: [false],
  hostUsers: [true],
  shareProcessNamespace: [false],
  setHostnameAsFQDN: [false],
  runtimeClassName: [''],
  overhead: [],
  resourceClaims: [],
  topologySpreadConstraints: [],
};
/** What else the scheduler does not ask. */
const OF_AFFINITY: readonly (readonly string[])[] = [
  ['podAffinity'],
  ['podAntiAffinity'],
  ['nodeAffinity', 'preferredDuringSchedulingIgnoredDuringExecution'],
];
const OF_POD_CONTEXTS = ['seLinuxOptions', 'seccompProfile', 'appArmorProfile', 'windowsOptions', 'sysctls'];
const OF_CONTEXTS = ['seLinuxOptions', 'seccompProfile', 'appArmorProfile', 'windowsOptions', 'procMount'];

function isAsked(value: Json | undefined, nothing: readonly Json[] = []): boolean {
  if (value === undefined || value === null || nothing.includes(value)) return false;
  if (Array.isArray(value)) return value.length > 0;
  return !isObject(value) || Object.keys(value).length > 0;
}

/** A profile that leaves out nothing, or what the runtime does anyway, asks for nothing. */
function contextAsks(context: Json | undefined, keys: readonly string[]): string[] {
  return keys.filter((key) => {
    if (key === 'procMount' && stringAt(context, key) === 'Default') return false;
    const profile = stringAt(context, key, 'type');
    return isAsked(at(context, key)) && profile !== 'Unconfined' && profile !== 'RuntimeDefault';
  });
}

function containerAsks(container: Json): string[] {
  const asks = contextAsks(objectAt(container, 'securityContext'), OF_CONTEXTS).map((key) => `securityContext.${key}`);
  if (isAsked(at(container, 'resources', 'limits'))) asks.push('resources.limits');
  if (isAsked(at(container, 'volumeDevices'))) asks.push('volumeDevices');
  if (listAt(container, 'volumeMounts').some((mount) => isAsked(at(mount, 'mountPropagation'), ['None', '']))) {
    asks.push('volumeMounts.mountPropagation');
  }
  return asks;
}

/** What a pod asks for that the sandbox runs it without, as paths below its spec. */
export function notHonoured(pod: KubeObject): string[] {
  const spec = objectAt(pod, 'spec');
  const own = Object.entries(OF_PODS).flatMap(([key, nothing]) => (isAsked(at(spec, key), nothing) ? [key] : []));
  const affinity = OF_AFFINITY.filter((path) => isAsked(at(spec, 'affinity', ...path)));
  const context = contextAsks(objectAt(spec, 'securityContext'), OF_POD_CONTEXTS).map(
    (key) => `securityContext.${key}`,
  );
  const containers = ['initContainers', 'containers', 'ephemeralContainers'].flatMap((list) =>
    listAt(spec, list).flatMap((container) =>
      containerAsks(container).map((path) => `${list}{${stringAt(container, 'name') ?? ''}}.${path}`),
    ),
  );
  return [...own, ...affinity.map((path) => ['affinity', ...path].join('.')), ...context, ...containers];
}
