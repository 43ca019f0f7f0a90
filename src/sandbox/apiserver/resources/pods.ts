import { dnsSubdomainFaults } from '../../../model/index.ts';
import { at, ensureObject, listAt, objectAt, stringAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { podColumns } from '../print/pod-columns.ts';
import type { ResourceDefinition } from '../resource.ts';
import { pod } from '../schema/pod.ts';
import { metadataFields } from '../selector/field-selector.ts';
import { validateEphemeralContainersUpdate } from '../validate/ephemeral-containers.ts';
import { validatePod, validatePodStatus, validatePodUpdate } from '../validate/pod.ts';
import { setPodDefaults } from './pod-defaults.ts';

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
  parts: {
    ephemeralcontainers: {
      take: (next, old) => {
        ensureObject(old, 'spec')['ephemeralContainers'] = listAt(next, 'spec', 'ephemeralContainers');
        return old;
      },
      validate: validateEphemeralContainersUpdate,
    },
  },
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
