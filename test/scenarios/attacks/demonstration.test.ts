import { describe, expect, it } from 'vitest';
import { listNetns } from '../../../src/sandbox/machine/netns.ts';
import { broken, useSandbox } from './lab.ts';

describe('the demonstration', () => {
  const lab = useSandbox({ nodes: 2 });

  it('lets a frontend reach its own backend on one port, and nobody else', async () => {
    const lines = await lab.lines('reach');
    expect(broken(lines)).toEqual([]);
    expect(lines.map((line) => line.id)).toEqual(
      ['allowed-a', 'allowed-b', 'other-port', 'other-pod', 'other-tenant', 'other-way'].flatMap((name) => [
        `1.${name}`,
        `1.${name}-across`,
      ]),
    );
    for (const line of lines.slice(0, 2)) {
      expect(line.decidedBy).toBe('NetworkPolicy tenant-a/only-frontend-may-reach-backend, ingress rule 0');
    }
    expect(lines[4]?.decidedBy).toMatch(/^drop policy-ingress \(from-pod, .*only-frontend-may-reach-backend/);
    expect(lines[5]?.decidedBy).toMatch(/^drop policy-ingress \(from-overlay, .*only-frontend-may-reach-backend/);
  });

  it('gives agent_of_chaos nothing with the address of a deleted frontend', async () => {
    const lines = await lab.lines('chaos', { rounds: 5 });
    expect(broken(lines)).toEqual([]);
    expect(lines.map((line) => line.id)).toEqual(['2.reused-address', '2.hard']);
    expect(lines[1]?.decidedBy).toContain('ct-midstream');
  });

  it('drops every forged frame at its own device for its own reason', async () => {
    const lines = await lab.lines('spoof');
    expect(broken(lines)).toEqual([]);
    expect(lines.length).toBeGreaterThanOrEqual(15);
  });

  it('drops protocols that are not enabled', async () => {
    expect(broken(await lab.lines('disabled'))).toEqual([]);
  });

  it('keeps a pod that is not known shut and opens it by itself', async () => {
    const lines = await lab.lines('unknown');
    expect(broken(lines)).toEqual([]);
    expect(lines.map((line) => line.id)).toEqual(['5.out', '5.in', '5.opens']);
  });

  it('stops an established connection when a policy or a relabel forbids it', async () => {
    const lines = await lab.lines('revoke');
    expect(broken(lines)).toEqual([]);
    expect(lines.map((line) => line.id)).toEqual(['6.policy', '6.relabel', '6.policy-across', '6.relabel-across']);
    for (const line of lines) expect(line.decidedBy).toContain('revoked');
  });

  it('loads only what is used', async () => {
    expect(broken(await lab.lines('footprint'))).toEqual([]);
  });

  it('shows what route_localnet opens on a node without Membrane', async () => {
    const lines = await lab.lines('localnet');
    expect(broken(lines)).toEqual([]);
    expect(lines.map((line) => line.id)).toEqual([
      '9.purpose',
      ...['pod', 'neighbour'].flatMap((who) => ['tcp', 'udp'].map((protocol) => `9.${who}-${protocol}`)),
      '9.pod-mended',
      '9.neighbour-mended',
    ]);
  });

  it('lets nobody but processes of the node reach its 127.0.0.1', async () => {
    const lines = await lab.lines('loopback');
    expect(broken(lines)).toEqual([]);
    const frames = [
      'own-source',
      'loopback-source',
      'forged-source',
      'loopback-to-node-port',
      'as-node',
      'priority-tag',
      'priority-tags',
      'exchange',
    ];
    expect(lines.map((line) => line.id)).toEqual([
      '10.local',
      ...['pod', 'neighbour'].flatMap((who) => frames.map((name) => `10.${who}-${name}`)),
      '10.pod-own-loopback',
      '10.pod-bound-device',
      '10.pod-route',
      '10.neighbour-route',
      '10.pod-localnet',
      '10.neighbour-localnet',
    ]);
    const { stdout } = await lab.cluster.nodeExec('node-1', ['sysctl', '-n', 'net.ipv4.conf.all.route_localnet']);
    expect(stdout).toBe('0\n');
  });

  it('answers on a node port from everywhere, as policy has it', async () => {
    const lines = await lab.lines('node-port');
    expect(broken(lines)).toEqual([]);
    expect(lines.map((line) => line.id)).toEqual(
      ['host-public', 'host-local', 'host-loopback', 'pod', 'outside', 'other-pod', 'other-outside', 'localnet'].map(
        (name) => `11.${name}`,
      ),
    );
  });

  it("refuses addresses of others in a tenant's Services", async () => {
    const lines = await lab.lines('capture');
    expect(broken(lines)).toEqual([]);
    expect(lines.map((line) => line.id)).toEqual(['12.backend', '12.cluster-ip', '12.resolver', '12.load-balancer']);
  });

  it('lets nothing out to an impostor at an address of services', async () => {
    const lines = await lab.lines('unserved');
    expect(broken(lines)).toEqual([]);
    expect(lines.map((line) => line.id)).toEqual(['14.served', '14.pod', '14.node', '14.raw']);
    expect(lines.map((line) => line.decidedBy).slice(1)).toEqual([
      'drop service-unknown (socket, egress)',
      'drop service-unknown (socket, egress)',
      'drop service-unknown (from-pod, egress)',
    ]);
  });

  it('closes by what it cannot read of a policy', async () => {
    const lines = await lab.lines('intake');
    expect(broken(lines)).toEqual([]);
    expect(lines.map((line) => line.id)).toEqual(['15.later', '15.told', '15.six']);
  });

  it('lets nothing out that was changed behind the verdict', async () => {
    const lines = await lab.lines('unfinished');
    expect(broken(lines)).toEqual([]);
    expect(lines.map((line) => line.id).slice(0, 4)).toEqual(['17.honest', '17.port', '17.address', '17.source']);
  });

  it('gives nobody what was meant for the former owner of an address while an agent cannot hear of it', async () => {
    const lines = await lab.lines('stale', { rounds: 5 });
    expect(broken(lines)).toEqual([]);
    expect(lines.map((line) => line.id)).toEqual(['19.to-new-owner', '19.from-new-owner']);
    expect(lines[0]?.decidedBy).toContain('stale-destination');
  });

  it('believes nobody but nodes what is said between nodes', async () => {
    const lines = await lab.lines('tunnel');
    expect(broken(lines)).toEqual([]);
    expect(lines.map((line) => line.id)).toEqual(
      [
        'honest',
        'host',
        'outsider',
        'host-as-node-process',
        'host-reserved',
        'as-node-for-its-pod',
        'as-node-for-outside',
        'as-node-reserved',
        'as-node-stale',
        'as-node-unsaid',
        'limit',
        'pod-to-node',
        'pod-to-own-node',
        'pod-outside',
      ].map((name) => `20.${name}`),
    );
  });

  it('goes on without the API server, and catches up', async () => {
    const lines = await lab.lines('api-server');
    expect(broken(lines)).toEqual([]);
    expect(lines.map((line) => line.id)).toEqual(['21.allowed', '21.forbidden', '21.waits', '21.catches-up']);
  });

  it('keeps nothing of a node that is removed', async () => {
    const lines = await lab.lines('node-loss');
    expect(broken(lines)).toEqual([]);
    expect(lines.map((line) => line.id)).toEqual(
      ['cut', 'forbidden', 'removed', 'nobody', 'its-address'].map((name) => `22.${name}`),
    );
    expect(lab.cluster.nodes.map(({ name }) => name)).toEqual(['node-1', 'node-2']);
  });

  it('lets two tenants whose policies allow everything share what both say, and nothing else', async () => {
    const lines = await lab.lines('tenants');
    expect(broken(lines)).toEqual([]);
    const names = ['allow-all', 'labels', 'within', 'thief', 'listed', 'metadata', 'shared', 'withdrawn'];
    expect(lines.map((line) => line.id)).toEqual(names.map((name) => `23.${name}`));
    for (const line of lines.slice(0, 2)) expect(line.decidedBy).toContain('tenant-boundary');
  });

  it('lets a tenant that floods lose what it earned, and nobody else anything', async () => {
    const lines = await lab.lines('flood');
    expect(broken(lines)).toEqual([]);
    expect(lines.map((line) => line.id)).toEqual(['24.tuples', '24.ports', '24.syns']);
    const reasons = ['tenant-connections', 'tenant-nat-ports', 'tenant-rate'];
    for (const [index, line] of lines.entries()) expect(line.decidedBy).toContain(reasons[index]);
  });

  it('shows operator and tenants of the same moment what each may see, and ends what is taken away', async () => {
    const lines = await lab.lines('flow-views');
    expect(broken(lines)).toEqual([]);
    expect(lines.map((line) => line.id)).toEqual(['25.views', '25.taken-away']);
  });

  it('loses nobody’s flows to one pod that floods, and counts the flood', async () => {
    const lines = await lab.lines('flow-flood');
    expect(broken(lines)).toEqual([]);
    expect(lines.map((line) => line.id)).toEqual(['26.others', '26.counted']);
  });

  it('leaves nothing of an attack behind', async () => {
    const names = async (resource: string) =>
      (await lab.cluster.list(resource)).map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).toSorted();
    expect(await names('pods')).toEqual(
      ['tenant-a', 'tenant-b'].flatMap((tenant) => ['backend', 'frontend', 'other'].map((name) => `${tenant}/${name}`)),
    );
    const policies = await lab.cluster.list('networkpolicies');
    expect(policies.map((policy) => String(policy.metadata.namespace)).toSorted()).toEqual([
      'tenant-a',
      'tenant-a',
      'tenant-b',
      'tenant-b',
    ]);
    expect(await names('services')).toEqual(['default/kubernetes']);
    expect((await listNetns()).filter((name) => /^mbr-(neighbour|control-)/.test(name))).toEqual([]);
  });

  it('lets no tenant take over a Service by filling the table of backends', async () => {
    const lines = await lab.lines('takeover');
    expect(broken(lines)).toEqual([]);
    expect(lines.map((line) => line.id)).toEqual(['18.full-table']);
    expect(lines[0]?.decidedBy).toMatch(/^ServiceTooLarge: /);
  });
});
