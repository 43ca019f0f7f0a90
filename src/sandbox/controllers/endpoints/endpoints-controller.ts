import { namespacedName } from '../../../base/index.ts';
import { type ApiStore, equal, type JsonObject, type KubeObject, stringAt } from '../../apiserver/index.ts';
import { hasSelector, selects } from '../endpoint-slices.ts';
import type { ControllerContext } from '../kit/context.ts';
import { Controller, type SyncKey } from '../kit/controller.ts';
import { subsetsOf } from './subsets.ts';

const MANAGED_BY = 'endpoints.kubernetes.io/managed-by';
const NAME = 'endpoint-controller';
const HEADLESS = 'service.kubernetes.io/headless';

/** Keeps the Endpoints of services with a selector at what the pods are, for those who read them and not slices. */
export function endpointsController(context: ControllerContext): Controller {
  const { store } = context;
  return new Controller(context, {
    name: NAME,
    watches: [
      { resource: 'services', concerns: ({ metadata }) => [namespacedName(metadata)] },
      { resource: 'endpoints', concerns: ({ metadata }) => [namespacedName(metadata)] },
      {
        resource: 'pods',
        concerns: (pod) =>
          store
            .list('services', { namespace: pod.metadata.namespace })
            .items.filter((service) => hasSelector(service) && selects(service, pod))
            .map(({ metadata }) => namespacedName(metadata)),
      },
    ],
    sync: (key) => {
      const service = store.get('services', key);
      if (service === undefined) removeOwn(store, key);
      else if (hasSelector(service)) write(store, key, service);
      return undefined;
    },
  });
}

/** Those that somebody wrote for a service without selector are his. */
function removeOwn(store: ApiStore, key: SyncKey): void {
  if (store.get('endpoints', key)?.metadata.labels?.[MANAGED_BY] === NAME) store.delete('endpoints', key);
}

function write(store: ApiStore, key: SyncKey, service: KubeObject): void {
  const pods = store.list('pods', { namespace: key.namespace }).items.filter((pod) => selects(service, pod));
  const known = store.get('endpoints', key);
  const isHeadless = stringAt(service, 'spec', 'clusterIP') === 'None';
  const labels = { ...service.metadata.labels, ...(isHeadless ? { [HEADLESS]: '' } : {}), [MANAGED_BY]: NAME };
  const subsets = subsetsOf(service, pods);
  if (known !== undefined && equal(known['subsets'] ?? [], subsets) && equal(known.metadata.labels, labels)) return;
  const wanted: JsonObject = { metadata: { ...key, labels }, subsets };
  if (known === undefined) store.create('endpoints', wanted);
  else store.update('endpoints', { ...wanted, metadata: { ...structuredClone(known.metadata), labels } });
}
