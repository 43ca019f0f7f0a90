import { namespacedName } from '../../../base/index.ts';
import { type KubeObject, objectAt, selectorHolds } from '../../apiserver/index.ts';
import { type ControllerContext, recorderFor } from '../kit/context.ts';
import { Controller } from '../kit/controller.ts';
import { controllerOf, keeperOf } from '../kit/owner.ts';
import { PodControl } from '../kit/pod-control.ts';
import { DaemonSetRound } from './daemon-set-round.ts';

const NAME = 'daemonset-controller';

/** Keeps one pod on each node that is meant. */
export function daemonSetController(context: ControllerContext): Controller {
  const { store } = context;
  const events = recorderFor(context, NAME);
  const pods = new PodControl({ store, events });
  const names = (sets: readonly KubeObject[]) => sets.map(({ metadata }) => namespacedName(metadata));
  const adopters = (pod: KubeObject): KubeObject[] =>
    store
      .list('daemonsets', { namespace: pod.metadata.namespace })
      .items.filter((set) => selectorHolds(objectAt(set, 'spec', 'selector'), pod.metadata.labels));
  return new Controller(context, {
    name: NAME,
    watches: [
      { resource: 'daemonsets', concerns: ({ metadata }) => [namespacedName(metadata)] },
      { resource: 'nodes', concerns: () => names(store.list('daemonsets').items) },
      {
        resource: 'pods',
        concerns: (pod) =>
          controllerOf(pod) === undefined ? names(adopters(pod)) : keeperOf(pod, { kind: 'DaemonSet', group: 'apps' }),
      },
    ],
    sync: (key) => {
      const set = store.get('daemonsets', key);
      return set === undefined ? undefined : new DaemonSetRound({ context, events, pods, set }).run();
    },
  });
}
