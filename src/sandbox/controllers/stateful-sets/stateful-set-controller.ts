import { namespacedName } from '../../../base/index.ts';
import { type KubeObject, objectAt, selectorHolds } from '../../apiserver/index.ts';
import { type ControllerContext, recorderFor } from '../kit/context.ts';
import { Controller } from '../kit/controller.ts';
import { controllerOf, keeperOf } from '../kit/owner.ts';
import { PodControl } from '../kit/pod-control.ts';
import { StatefulSetRound } from './stateful-set-round.ts';

const NAME = 'statefulset-controller';

/** Keeps pods that have names of their own, in order: each one when those before it serve. */
export function statefulSetController(context: ControllerContext): Controller {
  const { store } = context;
  const pods = new PodControl({
    store,
    events: recorderFor(context, NAME),
    wording: (verb, pod, owner) => `${verb} Pod ${pod} in StatefulSet ${owner} successful`,
  });
  const adopters = (pod: KubeObject): KubeObject[] =>
    store
      .list('statefulsets', { namespace: pod.metadata.namespace })
      .items.filter((set) => selectorHolds(objectAt(set, 'spec', 'selector'), pod.metadata.labels));
  return new Controller(context, {
    name: NAME,
    watches: [
      { resource: 'statefulsets', concerns: ({ metadata }) => [namespacedName(metadata)] },
      {
        resource: 'pods',
        concerns: (pod) =>
          controllerOf(pod) === undefined
            ? adopters(pod).map(({ metadata }) => namespacedName(metadata))
            : keeperOf(pod, { kind: 'StatefulSet', group: 'apps' }),
      },
    ],
    sync: (key) => {
      const set = store.get('statefulsets', key);
      return set === undefined ? undefined : new StatefulSetRound(context, pods, set).run();
    },
  });
}
