import { type ApiStore, DEFAULT_CLASS } from '../apiserver/index.ts';
import { LOCAL_DRIVER } from '../client/index.ts';

/** Makes the class of claims that name none, under the name that clusters for trying things give it; it is anybody's to change. */
export function addDefaultClass(store: ApiStore): void {
  store.create('storageclasses', {
    metadata: { name: 'standard', annotations: { [DEFAULT_CLASS]: 'true' } },
    provisioner: LOCAL_DRIVER,
  });
}
