import { expect, test } from 'vitest';
import { KubeClient } from './client.ts';
import { kubeErrors } from './errors.ts';
import { FakeApiServer } from './fake.ts';
import { readServiceRanges } from './service-ranges.ts';

const V1 = '/apis/networking.k8s.io/v1/servicecidrs';
const V1BETA1 = '/apis/networking.k8s.io/v1beta1/servicecidrs';
const KUBEADM = '/api/v1/namespaces/kube-system/configmaps/kubeadm-config';
const list = (...cidrs: string[]) => ({ items: [{ spec: { cidrs } }] });
const kubeadm = (yaml: string) => ({ data: { ClusterConfiguration: yaml } });

function raise(error: Error): never {
  throw error;
}

/** A server that has these paths, and refuses or lacks all others. */
async function ask(
  has: Record<string, unknown>,
  code: 'E_KUBE_NOT_FOUND' | 'E_KUBE_FORBIDDEN' | 'E_KUBE_SERVER' = 'E_KUBE_NOT_FOUND',
) {
  const request = async ({ path }: { path: string }): Promise<unknown> => {
    if (path in has) return has[path];
    throw kubeErrors.make(code, { detail: path });
  };
  const watch = () => raise(kubeErrors.make('E_KUBE_FORBIDDEN', { detail: 'watch' }));
  return (await readServiceRanges({ request, watch }, new AbortController().signal)).ranges;
}

test('ServiceCIDR objects say it, of either version', async () => {
  expect(await ask({ [V1]: list('10.96.0.0/12', 'fd00::/108'), [KUBEADM]: kubeadm('') })).toEqual([
    '10.96.0.0/12',
    'fd00::/108',
  ]);
  expect(await ask({ [V1BETA1]: list('10.43.0.0/16') })).toEqual(['10.43.0.0/16']);
});

test.each(['E_KUBE_NOT_FOUND', 'E_KUBE_FORBIDDEN'] as const)(
  'kubeadm’s notes say it when the objects are %s',
  async (code) => {
    const notes = kubeadm('kind: ClusterConfiguration\nnetworking:\n  serviceSubnet: 10.32.0.0/24, fd00::/112\n');
    expect(await ask({ [KUBEADM]: notes }, code)).toEqual(['10.32.0.0/24', 'fd00::/112']);
  },
);

test.each([
  {},
  { [V1]: { items: [] } },
  { [V1]: null },
  { [KUBEADM]: kubeadm('{') },
  { [KUBEADM]: kubeadm('networking: 3') },
])('nobody says it: %j', async (has) => {
  expect(await ask(has)).toEqual([]);
});

test('a server that fails is asked again, not taken for one that knows nothing', async () => {
  await expect(ask({}, 'E_KUBE_SERVER')).rejects.toMatchObject({ code: 'E_KUBE_SERVER' });
});

test('it is said when the objects change, to who asked before and to who asks after', async () => {
  const server = new FakeApiServer();
  const client = new KubeClient(await server.start());
  const stop = new AbortController();
  try {
    const cidr = (name: string, range: string) => ({ metadata: { name }, spec: { cidrs: [range] } });
    server.put(V1, cidr('kubernetes', '10.96.0.0/12'));
    const first = await readServiceRanges(client, stop.signal);
    const waits = first.changed?.(stop.signal);
    await expect.poll(() => server.watches).toBe(1);
    server.bookmark(V1);
    server.put(V1, cidr('second', '10.112.0.0/16'));
    expect(await waits).toBe(true);

    const second = await readServiceRanges(client, stop.signal);
    expect(second.ranges).toEqual(['10.96.0.0/12', '10.112.0.0/16']);
    server.remove(V1, '', 'second');
    expect(await second.changed?.(stop.signal), 'what came before the watch did').toBe(true);

    const third = await readServiceRanges(client, stop.signal);
    const ends = third.changed?.(stop.signal);
    await expect.poll(() => server.watches).toBe(1);
    server.endWatches();
    expect(await ends).toBe(false);
    server.faults.status = { code: 403, times: 1, reason: 'Forbidden' };
    await expect(third.changed?.(stop.signal)).rejects.toMatchObject({ code: 'E_KUBE_FORBIDDEN' });
  } finally {
    stop.abort();
    client.close();
    await server.stop();
  }
});
