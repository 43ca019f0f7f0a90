import { any, boolean, fields, int32, int64, intOrString, list, listBy, map, string, struct, time } from './dsl.ts';
import { labelSelector, objectFields, objectMeta } from './meta.ts';
import { podSpec } from './pod.ts';
import { persistentVolumeClaim } from './storage.ts';

const APPS = 'io.k8s.api.apps.v1';
const CORE = 'io.k8s.api.core.v1';

export const podTemplateSpec = struct(`${CORE}.PodTemplateSpec`, { metadata: objectMeta, spec: podSpec });

const conditions = (name: string, ...stamps: string[]) =>
  listBy(
    'type',
    struct(
      name,
      { ...fields(string, 'type', 'status', 'reason', 'message'), ...fields(time, 'lastTransitionTime', ...stamps) },
      { required: ['type', 'status'] },
    ),
  );

export const replicationController = struct(`${CORE}.ReplicationController`, {
  ...objectFields,
  spec: struct(`${CORE}.ReplicationControllerSpec`, {
    ...fields(int32, 'replicas', 'minReadySeconds'),
    selector: map(),
    template: podTemplateSpec,
  }),
  status: struct(
    `${CORE}.ReplicationControllerStatus`,
    {
      ...fields(int32, 'replicas', 'fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'),
      observedGeneration: int64,
      conditions: conditions(`${CORE}.ReplicationControllerCondition`),
    },
    { required: ['replicas'] },
  ),
});

export const replicaSet = struct(`${APPS}.ReplicaSet`, {
  ...objectFields,
  spec: struct(
    `${APPS}.ReplicaSetSpec`,
    { ...fields(int32, 'replicas', 'minReadySeconds'), selector: labelSelector, template: podTemplateSpec },
    { required: ['selector'] },
  ),
  status: struct(
    `${APPS}.ReplicaSetStatus`,
    {
      ...fields(int32, 'replicas', 'fullyLabeledReplicas', 'readyReplicas', 'availableReplicas', 'terminatingReplicas'),
      observedGeneration: int64,
      conditions: conditions(`${APPS}.ReplicaSetCondition`),
    },
    { required: ['replicas'] },
  ),
});

export const deployment = struct(`${APPS}.Deployment`, {
  ...objectFields,
  spec: struct(
    `${APPS}.DeploymentSpec`,
    {
      ...fields(int32, 'replicas', 'minReadySeconds', 'revisionHistoryLimit', 'progressDeadlineSeconds'),
      selector: labelSelector,
      template: podTemplateSpec,
      strategy: struct(
        `${APPS}.DeploymentStrategy`,
        {
          type: string,
          rollingUpdate: struct(`${APPS}.RollingUpdateDeployment`, fields(intOrString, 'maxUnavailable', 'maxSurge')),
        },
        { retainKeys: true },
      ),
      paused: boolean,
    },
    { required: ['selector', 'template'] },
  ),
  status: struct(`${APPS}.DeploymentStatus`, {
    ...fields(int32, 'replicas', 'updatedReplicas', 'readyReplicas', 'availableReplicas', 'unavailableReplicas'),
    ...fields(int32, 'collisionCount', 'terminatingReplicas'),
    observedGeneration: int64,
    conditions: conditions(`${APPS}.DeploymentCondition`, 'lastUpdateTime'),
  }),
});

export const daemonSet = struct(`${APPS}.DaemonSet`, {
  ...objectFields,
  spec: struct(
    `${APPS}.DaemonSetSpec`,
    {
      ...fields(int32, 'minReadySeconds', 'revisionHistoryLimit'),
      selector: labelSelector,
      template: podTemplateSpec,
      updateStrategy: struct(`${APPS}.DaemonSetUpdateStrategy`, {
        type: string,
        rollingUpdate: struct(`${APPS}.RollingUpdateDaemonSet`, fields(intOrString, 'maxUnavailable', 'maxSurge')),
      }),
    },
    { required: ['selector', 'template'] },
  ),
  status: struct(
    `${APPS}.DaemonSetStatus`,
    {
      ...fields(int32, 'currentNumberScheduled', 'numberMisscheduled', 'desiredNumberScheduled', 'numberReady'),
      ...fields(int32, 'updatedNumberScheduled', 'numberAvailable', 'numberUnavailable', 'collisionCount'),
      observedGeneration: int64,
      conditions: conditions(`${APPS}.DaemonSetCondition`),
    },
    { required: ['currentNumberScheduled', 'numberMisscheduled', 'desiredNumberScheduled', 'numberReady'] },
  ),
});

export const statefulSet = struct(`${APPS}.StatefulSet`, {
  ...objectFields,
  spec: struct(
    `${APPS}.StatefulSetSpec`,
    {
      ...fields(int32, 'replicas', 'minReadySeconds', 'revisionHistoryLimit'),
      ...fields(string, 'serviceName', 'podManagementPolicy'),
      selector: labelSelector,
      template: podTemplateSpec,
      updateStrategy: struct(`${APPS}.StatefulSetUpdateStrategy`, {
        type: string,
        rollingUpdate: struct(`${APPS}.RollingUpdateStatefulSetStrategy`, {
          partition: int32,
          maxUnavailable: intOrString,
        }),
      }),
      volumeClaimTemplates: list(persistentVolumeClaim),
      persistentVolumeClaimRetentionPolicy: struct(
        `${APPS}.StatefulSetPersistentVolumeClaimRetentionPolicy`,
        fields(string, 'whenDeleted', 'whenScaled'),
      ),
      ordinals: struct(`${APPS}.StatefulSetOrdinals`, { start: int32 }),
    },
    { required: ['selector', 'template'] },
  ),
  status: struct(
    `${APPS}.StatefulSetStatus`,
    {
      ...fields(int32, 'replicas', 'readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'),
      ...fields(string, 'currentRevision', 'updateRevision'),
      collisionCount: int32,
      observedGeneration: int64,
      conditions: conditions(`${APPS}.StatefulSetCondition`),
    },
    { required: ['replicas'] },
  ),
});

export const controllerRevision = struct(
  `${APPS}.ControllerRevision`,
  { ...objectFields, data: any, revision: int64 },
  { required: ['revision'] },
);
