import { dnsSubdomainFaults } from '../../../model/index.ts';
import { at, ensureObject, isObject, type JsonObject, listAt, objectAt, setDefault, stringAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { podColumns } from '../print/pod-columns.ts';
import type { ResourceDefinition } from '../resource.ts';
import { pod } from '../schema/pod.ts';
import { metadataFields } from '../selector/field-selector.ts';
import { validatePod, validatePodStatus, validatePodUpdate } from '../validate/pod.ts';

const PROBES = ['livenessProbe', 'readinessProbe', 'startupProbe'];

export function setPodDefaults(object: KubeObject): void {
  const spec = objectAt(object, 'spec');
  if (spec === undefined) return;
  setDefault(spec, 'restartPolicy', 'Always');
  setDefault(spec, 'dnsPolicy', 'ClusterFirst');
  setDefault(spec, 'schedulerName', 'default-scheduler');
  setDefault(spec, 'terminationGracePeriodSeconds', 30);
  setDefault(spec, 'enableServiceLinks', true);
  ensureObject(spec, 'securityContext');
  setDefault(spec, 'serviceAccountName', stringAt(spec, 'serviceAccount') || 'default');
  spec['serviceAccount'] = spec['serviceAccountName'];
  for (const list of ['initContainers', 'containers', 'ephemeralContainers']) {
    for (const container of listAt(spec, list)) {
      if (isObject(container)) setContainerDefaults(container, at(spec, 'hostNetwork') === true);
    }
  }
  for (const volume of listAt(spec, 'volumes')) {
    if (isObject(volume)) setVolumeDefaults(volume);
  }
}

function setContainerDefaults(container: JsonObject, hostNetwork: boolean): void {
  const image = stringAt(container, 'image') ?? '';
  setDefault(container, 'imagePullPolicy', pullPolicyOf(image));
  setDefault(container, 'terminationMessagePath', '/dev/termination-log');
  setDefault(container, 'terminationMessagePolicy', 'File');
  const resources = ensureObject(container, 'resources');
  const limits = objectAt(resources, 'limits');
  if (limits !== undefined) {
    const requests = ensureObject(resources, 'requests');
    for (const [name, value] of Object.entries(limits)) if (requests[name] === undefined) requests[name] = value;
  }
  for (const port of listAt(container, 'ports')) {
    if (!isObject(port)) continue;
    setDefault(port, 'protocol', 'TCP');
    if (hostNetwork && port['hostPort'] === undefined && port['containerPort'] !== undefined) {
      port['hostPort'] = port['containerPort'];
    }
  }
  for (const name of PROBES) {
    const probe = objectAt(container, name);
    if (probe === undefined) continue;
    setDefault(probe, 'timeoutSeconds', 1);
    setDefault(probe, 'periodSeconds', 10);
    setDefault(probe, 'successThreshold', 1);
    setDefault(probe, 'failureThreshold', 3);
    const http = objectAt(probe, 'httpGet');
    if (http === undefined) continue;
    setDefault(http, 'path', '/');
    setDefault(http, 'scheme', 'HTTP');
  }
  for (const env of listAt(container, 'env')) {
    const reference = objectAt(env, 'valueFrom', 'fieldRef');
    if (reference !== undefined) setDefault(reference, 'apiVersion', 'v1');
  }
}

/** `latest`, said or unsaid, is pulled anew; a fixed tag or digest is not. */
function pullPolicyOf(image: string): string {
  const name = image.slice(image.lastIndexOf('/') + 1);
  const colon = name.indexOf(':');
  if (name.includes('@')) return 'IfNotPresent';
  return colon < 0 || name.slice(colon + 1) === 'latest' ? 'Always' : 'IfNotPresent';
}

function setVolumeDefaults(volume: JsonObject): void {
  if (Object.keys(volume).length === 1) volume['emptyDir'] = {};
  for (const key of ['secret', 'configMap', 'downwardAPI', 'projected']) {
    const source = objectAt(volume, key);
    if (source !== undefined) setDefault(source, 'defaultMode', 420);
  }
  const hostPath = objectAt(volume, 'hostPath');
  if (hostPath !== undefined && hostPath['type'] === undefined) hostPath['type'] = '';
}

/** The quality-of-service class that the requests and limits amount to. */
export function qosClass(object: KubeObject): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const containers = [...listAt(object, 'spec', 'containers'), ...listAt(object, 'spec', 'initContainers')];
  const resources = containers.map((c) => [objectAt(c, 'resources', 'requests'), objectAt(c, 'resources', 'limits')]);
  if (resources.every(([requests, limits]) => requests === undefined && limits === undefined)) return 'BestEffort';
  const guaranteed = resources.every(([requests, limits]) =>
    ['cpu', 'memory'].every(
      (name) => limits?.[name] !== undefined && limits[name] === (requests?.[name] ?? limits[name]),
    ),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

const text =
  (...path: string[]) =>
  (object: KubeObject) =>
    stringAt(object, ...path) ?? '';

export const pods: ResourceDefinition = {
  group: '',
  version: 'v1',
  resource: 'pods',
  singular: 'pod',
  kind: 'Pod',
  namespaced: true,
  shortNames: ['po'],
  categories: ['all'],
  schema: pod,
  status: true,
  returnsDeleted: true,
  nameFaults: dnsSubdomainFaults,
  selectableFields: {
    ...metadataFields,
    'spec.nodeName': text('spec', 'nodeName'),
    'spec.restartPolicy': text('spec', 'restartPolicy'),
    'spec.schedulerName': text('spec', 'schedulerName'),
    'spec.serviceAccountName': text('spec', 'serviceAccountName'),
    'spec.hostNetwork': (object) => String(at(object, 'spec', 'hostNetwork') === true),
    'status.phase': text('status', 'phase'),
    'status.podIP': text('status', 'podIP'),
    'status.nominatedNodeName': text('status', 'nominatedNodeName'),
  },
  columns: podColumns,
  setDefaults: setPodDefaults,
  prepareCreate: (object) => {
    const conditions =
      listAt(object, 'spec', 'schedulingGates').length === 0
        ? []
        : [
            {
              type: 'PodScheduled',
              status: 'False',
              reason: 'SchedulingGated',
              message: 'Scheduling is blocked due to non-empty scheduling gates',
            },
          ];
    object['status'] = {
      phase: 'Pending',
      ...(conditions.length > 0 ? { conditions } : {}),
      qosClass: qosClass(object),
    };
  },
  validate: validatePod,
  validateUpdate: validatePodUpdate,
  validateStatus: validatePodStatus,
};
