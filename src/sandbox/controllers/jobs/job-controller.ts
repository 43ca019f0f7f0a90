import { namespacedName } from '../../../base/index.ts';
import { type ApiStore, type KubeObject, objectAt, selectorHolds } from '../../apiserver/index.ts';
import { type ControllerContext, recorderFor } from '../kit/context.ts';
import { Controller, type SyncKey } from '../kit/controller.ts';
import { controllerOf, keeperOf } from '../kit/owner.ts';
import { PodControl } from '../kit/pod-control.ts';
import { JobRound, TRACKING, untracked } from './job-round.ts';

const NAME = 'job-controller';

/** Runs pods until as many have succeeded as a job wants, or too many have failed. */
export function jobController(context: ControllerContext): Controller {
  const { store } = context;
  const events = recorderFor(context, NAME);
  const pods = new PodControl({ store, events });
  const adopters = (pod: KubeObject): KubeObject[] =>
    store
      .list('jobs', { namespace: pod.metadata.namespace })
      .items.filter((job) => selectorHolds(objectAt(job, 'spec', 'selector'), pod.metadata.labels));
  return new Controller(context, {
    name: NAME,
    watches: [
      { resource: 'jobs', concerns: ({ metadata }) => [namespacedName(metadata)] },
      {
        resource: 'pods',
        concerns: (pod) =>
          controllerOf(pod) === undefined
            ? adopters(pod).map(({ metadata }) => namespacedName(metadata))
            : keeperOf(pod, { kind: 'Job', group: 'batch' }),
      },
    ],
    sync: (key) => {
      const job = store.get('jobs', key);
      releaseOrphans(store, key, job?.metadata.uid);
      return job === undefined ? undefined : new JobRound({ context, events, pods, job }).run();
    },
  });
}

/** Pods whose job is gone are counted by nobody: nothing keeps them. */
function releaseOrphans(store: ApiStore, { namespace, name }: SyncKey, uid: string | undefined): void {
  for (const pod of store.list('pods', { namespace }).items) {
    if (pod.metadata.finalizers?.includes(TRACKING) !== true) continue;
    const keeper = controllerOf(pod);
    if (keeper?.kind === 'Job' && keeper.name === name && keeper.uid !== uid) store.update('pods', untracked(pod));
  }
}
