import { type NamespacedName, nameParts, namespacedName } from '../../../base/index.ts';
import { type KubeObject, objectAt, selectorHolds } from '../../apiserver/index.ts';
import type { EventRecorder } from '../../client/index.ts';
import { type ControllerContext, recorderFor } from '../kit/context.ts';
import { Controller } from '../kit/controller.ts';
import { controllerOf, keeperOf } from '../kit/owner.ts';
import { Rollout } from './rollout.ts';
import { isRolling } from './spec.ts';

const NAME = 'deployment-controller';
const DEPLOYMENT = { kind: 'Deployment', group: 'apps' };
const REPLICA_SET = { kind: 'ReplicaSet', group: 'apps' };

/** Keeps a replica set for each template that a deployment had, and moves its pods from the old ones to the new one. */
export function deploymentController(context: ControllerContext): Controller {
  const { store } = context;
  const events: EventRecorder = recorderFor(context, NAME);

  /** Its keeper; of a set that nobody keeps, all who may adopt it. */
  const ofSet = (set: KubeObject): NamespacedName[] => {
    if (controllerOf(set) !== undefined) return keeperOf(set, DEPLOYMENT);
    return store
      .list('deployments', { namespace: set.metadata.namespace })
      .items.filter((deployment) => selectorHolds(objectAt(deployment, 'spec', 'selector'), set.metadata.labels))
      .map(({ metadata }) => namespacedName(metadata));
  };

  /** Where everything is replaced at once, the last old pod is waited for. */
  const ofPod = (pod: KubeObject): NamespacedName[] => {
    return keeperOf(pod, REPLICA_SET).flatMap((key) => {
      const set = store.get('replicasets', nameParts(key));
      return set === undefined ? [] : keeperOf(set, DEPLOYMENT).filter(isReplacing);
    });
  };

  const isReplacing = (key: NamespacedName): boolean => {
    const deployment = store.get('deployments', nameParts(key));
    return deployment !== undefined && !isRolling(deployment);
  };

  return new Controller(context, {
    name: NAME,
    watches: [
      { resource: 'deployments', concerns: ({ metadata }) => [namespacedName(metadata)] },
      { resource: 'replicasets', concerns: ofSet },
      { resource: 'pods', concerns: ofPod },
    ],
    sync: (key) => {
      const deployment = store.get('deployments', key);
      return deployment === undefined ? undefined : new Rollout(context, events, deployment).run();
    },
  });
}
