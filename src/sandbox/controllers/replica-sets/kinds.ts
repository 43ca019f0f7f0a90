import { type JsonObject, type KubeObject, objectAt } from '../../apiserver/index.ts';

/** The two kinds that keep a number of pods, which differ in nothing but their names and how they write a selector. */
export type ReplicaKind = {
  readonly group: string;
  readonly resource: string;
  readonly kind: string;
  readonly component: string;
  /** As a `metav1.LabelSelector`. */
  readonly selectorOf: (object: KubeObject) => JsonObject | undefined;
};

export const REPLICA_SET: ReplicaKind = {
  group: 'apps',
  resource: 'replicasets',
  kind: 'ReplicaSet',
  component: 'replicaset-controller',
  selectorOf: (object) => objectAt(object, 'spec', 'selector'),
};

export const REPLICATION_CONTROLLER: ReplicaKind = {
  group: '',
  resource: 'replicationcontrollers',
  kind: 'ReplicationController',
  component: 'replication-controller',
  selectorOf: (object) => ({ matchLabels: objectAt(object, 'spec', 'selector') ?? {} }),
};
