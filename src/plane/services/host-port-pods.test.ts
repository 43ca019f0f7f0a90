import { describe, expect, it } from 'vitest';
import { Intent } from '../../cluster/index.ts';
import { POD } from '../../kube/index.ts';
import type { PodRow } from '../../model/index.ts';
import { parseAddr } from '../../net/index.ts';
import { sampleName } from '../../service/samples.ts';
import { HostPortPods, type LocalPod } from './host-port-pods.ts';

type More = { uid?: string; phase?: string; hostNetwork?: boolean; annotations?: Record<string, string> };

const row = (more: More = {}): PodRow =>
  POD.parse({
    metadata: {
      namespace: 'a',
      name: 'web',
      uid: more.uid ?? 'u1',
      annotations: more.annotations ?? {},
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: {
      hostNetwork: more.hostNetwork ?? false,
      containers: [{ ports: [{ containerPort: 80, hostPort: 8080 }, { containerPort: 81 }] }],
    },
    status: { phase: more.phase ?? 'Running', podIPs: [{ ip: '203.0.113.9' }] },
  });

function pods() {
  const intent = new Intent();
  const local: LocalPod[] = [];
  const addresses = [parseAddr('172.18.0.2')];
  const bound = new Set<string>();
  const found = new HostPortPods({
    intent,
    nodeAddresses: () => addresses,
    localPods: () => local,
    reservedHostPorts: [],
    boundSockets: () => (protocol, addr, port) => bound.has(`${protocol} ${addr} ${port}`),
  });
  const put = (...rows: PodRow[]): void => intent.pods.apply({ upserts: rows, deletes: [], synced: true });
  return { intent, local, addresses, bound, found, put };
}

const LOCAL = { namespace: 'a', name: 'web', uid: 'u1', addr: parseAddr('10.244.1.2') };

describe('HostPortPods', () => {
  it('finds a static pod, which the runtime knows by the hash of its file', () => {
    const { local, found, put } = pods();
    local.push({ ...LOCAL, uid: 'hash' });
    put(row());
    expect([...found.refresh()]).toEqual([]);
    put(row({ annotations: { 'kubernetes.io/config.mirror': 'hash', 'kubernetes.io/config.hash': 'hash' } }));
    expect([...found.refresh()]).toEqual(['a/pod:web']);
  });

  it('finds a pod once it is connected, at the address that it was given', () => {
    const { local, found, put } = pods();
    put(row());
    expect([...found.refresh()]).toEqual([]);
    local.push(LOCAL);
    expect([...found.refresh()]).toEqual(['a/pod:web']);
    expect(found.rows.get(sampleName('a/pod:web'))).toMatchObject({
      addr: '10.244.1.2',
      createdAt: '2026-01-01T00:00:00Z',
    });
    expect(found.rows.get(sampleName('a/pod:web'))?.hostPorts).toEqual([
      { hostIP: '', hostPort: 8080, containerPort: 80, protocol: 'TCP' },
    ]);
    expect([...found.refresh()]).toEqual([]);
    local.pop();
    expect([...found.refresh()]).toEqual(['a/pod:web']);
    expect(found.rows.size).toBe(0);
  });

  it.each([{ uid: 'u2' }, { phase: 'Succeeded' }, { phase: 'Failed' }, { hostNetwork: true }])('not %j', (more) => {
    const { local, found, put } = pods();
    put(row(more));
    local.push(LOCAL);
    found.refresh();
    expect(found.rows.size).toBe(0);
  });

  it('says whose place a process of the node took or gave back, once', () => {
    const { local, bound, found, put } = pods();
    put(row());
    local.push(LOCAL);
    expect(found.takenOrFreed()).toEqual([]);
    found.refresh();
    expect(found.takenOrFreed()).toEqual([]);
    for (const [place, owners] of [
      ['TCP 172.18.0.2 8080', ['a/pod:web']],
      ['TCP 127.0.0.1 8080', ['a/pod:web']],
      ['UDP 172.18.0.2 8080', []],
      ['TCP 172.18.0.2 8081', []],
    ] as const) {
      bound.add(place);
      expect(found.takenOrFreed()).toEqual(owners);
      expect(found.takenOrFreed()).toEqual([]);
    }
    bound.clear();
    expect(found.takenOrFreed()).toEqual(['a/pod:web']);
  });

  it('looks again when the node’s addresses change', () => {
    const { local, addresses, found, put } = pods();
    put(row());
    local.push(LOCAL);
    found.refresh();
    addresses.push(parseAddr('172.18.0.3'));
    expect([...found.refresh()]).toEqual(['a/pod:web']);
  });
});
