import { ensureObject, isObject, type Json, type JsonObject, listAt, stringAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { randomEnd } from '../store/prepare.ts';

/** Where programs of pods look for their token. */
const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
/** A ConfigMap of every namespace with the authority of the API server. */
export const ROOT_CA = 'kube-root-ca.crt';
/** An hour and a bit, as the real server asks for: how often tokens are renewed shows whose they are. */
const SECONDS = 3_607;

/**
 * Gives a new pod the volume with the token of its service account, as the admission of Kubernetes does, unless the pod or
 * the account does not want it or a container has something else there.
 */
export function mountToken(pod: KubeObject, account: KubeObject | undefined): void {
  const spec = ensureObject(pod, 'spec');
  if ((spec['automountServiceAccountToken'] ?? account?.['automountServiceAccountToken']) === false) return;
  const containers = ['initContainers', 'containers'].flatMap((key) => listAt(spec, key)).filter(isObject);
  const without = containers.filter((container) => !listAt(container, 'volumeMounts').some(isTokenMount));
  if (without.length === 0) return;
  const name = `kube-api-access-${randomEnd()}`;
  for (const container of without) {
    const mount = { name, readOnly: true, mountPath: MOUNT_PATH };
    container['volumeMounts'] = [...listAt(container, 'volumeMounts'), mount];
  }
  spec['volumes'] = [...listAt(spec, 'volumes'), { name, projected: tokenVolume() }];
}

const isTokenMount = (mount: Json): boolean => stringAt(mount, 'mountPath') === MOUNT_PATH;

function tokenVolume(): JsonObject {
  const namespace = { path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } };
  return {
    defaultMode: 0o644,
    sources: [
      { serviceAccountToken: { path: 'token', expirationSeconds: SECONDS } },
      { configMap: { name: ROOT_CA, items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      { downwardAPI: { items: [namespace] } },
    ],
  };
}
