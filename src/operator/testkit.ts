import type { KubeConnection } from '../kube/index.ts';

/** To a test's server on loopback. */
export function connectionTo(url: string, token = 'test-token'): KubeConnection {
  const shown = { authorization: `Bearer ${token}` };
  return {
    server: new URL(url),
    insecure: false,
    credentials: { present: async () => shown, refresh: () => false },
    namespace: 'default',
  };
}
