import { describe, expect, it } from 'vitest';
import { cgroupMount } from './cgroup.ts';
import { MAX_NODES, nodePlace } from './node-place.ts';
import { isSandboxNetns } from './sweep.ts';
import { NODE_SYSCTLS, nodePlan, uplinkPlan, WORLD_ADDRESSES, worldPlan } from './topology.ts';

describe('topology', () => {
  it('gives every node its own addresses', () => {
    const places = Array.from({ length: MAX_NODES }, (_, i) => nodePlace(i + 1));
    for (const key of ['name', 'netns', 'ip', 'podCidr', 'dir', 'agentDir', 'pinDir'] as const) {
      expect(new Set(places.map((place) => place[key])).size).toBe(MAX_NODES);
    }
    expect(places[0]).toMatchObject({
      name: 'node-1',
      netns: 'mbr-node-1',
      ip: '172.18.0.2',
      podCidr: '10.244.1.0/24',
    });
  });

  it('routes pods of a node through that node, and everything of the node through the world', () => {
    expect(uplinkPlan(nodePlace(2))).toContain('route replace 10.244.2.0/24 via 172.18.0.3 dev mbrbr0');
    expect(nodePlan(nodePlace(2))).toContain('route add default via 172.18.0.1 dev eth0');
  });

  it('puts the world on documentation addresses only', () => {
    expect(WORLD_ADDRESSES).toHaveLength(20);
    expect(WORLD_ADDRESSES.every((a) => /^(198\.51\.100|203\.0\.113)\.\d+$/.test(a))).toBe(true);
    expect(worldPlan()).toContain('addr add 198.51.100.1/32 dev lo');
  });

  it('never turns route_localnet on (CVE-2020-8558)', () => {
    const localnet = Object.entries(NODE_SYSCTLS).filter(([key]) => key.includes('route_localnet'));
    expect(localnet).toEqual([
      ['net/ipv4/conf/all/route_localnet', 0],
      ['net/ipv4/conf/default/route_localnet', 0],
    ]);
  });
});

describe('sweep', () => {
  it.each([
    ['mbr-world', true],
    ['mbr-neighbour', true],
    ['mbr-control-node', true],
    ['mbr-node-1', true],
    ['mbr-pod-0123456789ab', true],
    ['mbr-test-1', false],
    ['mbr-pod-zz', false],
    ['world', false],
  ])('%s: %s', (name, ours) => {
    expect(isSandboxNetns(name)).toBe(ours);
  });
});

describe('cgroupMount', () => {
  it('finds cgroup v2 in a hybrid layout and in a pure one', () => {
    const hybrid = 'cgroup /sys/fs/cgroup/cpu cgroup rw 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n';
    expect(cgroupMount(hybrid)).toBe('/sys/fs/cgroup/unified');
    expect(cgroupMount('cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n')).toBe('/sys/fs/cgroup');
    expect(cgroupMount('proc /proc proc rw 0 0\n')).toBeUndefined();
  });
});
