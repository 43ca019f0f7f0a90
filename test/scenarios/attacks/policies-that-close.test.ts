import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Actor } from '../../../src/demonstration/stage/stage.ts';
import { podName } from '../../../src/demonstration/stage/tenants.ts';
import { probe } from '../../../src/demonstration/tools/frame-tool.ts';
import { ANSWERED_MS } from '../../../src/demonstration/tools/talk-tool.ts';
import type { JsonObject } from '../../../src/sandbox/apiserver/index.ts';
import { useSandbox } from './lab.ts';

const SPACE = 'closed';
const WORLD = '198.51.100.1';
/** Nobody listens: who gets through is refused by the pod itself. */
const REACHED = 'ECONNREFUSED';
const DROPPED = 'timeout';

/** Policies that an API server takes and that say something else than they seem to, or something that is not known here. */
describe('policies that must close', () => {
  const lab = useSandbox({ agentConfig: { policyLimits: { table: 256 } } });
  const { stage } = lab;

  beforeAll(async () => {
    await stage.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: SPACE, labels: { team: 'closed' } } });
  });

  /** As `kubectl apply --validate=ignore` to a server of a later version. */
  function store(name: string, spec: JsonObject): void {
    const object = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name, namespace: SPACE },
      spec,
    };
    const key = { namespace: SPACE, name };
    const known = lab.cluster.store.get('networkpolicies', key);
    if (known === undefined) {
      lab.cluster.store.create('networkpolicies', object, { namespace: SPACE, fieldValidation: 'Ignore' });
    } else lab.cluster.store.update('networkpolicies', object, { key, fieldValidation: 'Ignore' });
  }

  /** As another server left it in the database. */
  function storeAsIs(name: string, spec: JsonObject): void {
    const metadata = { name, namespace: SPACE, uid: randomUUID(), creationTimestamp: '2026-01-01T00:00:00Z' };
    lab.cluster.store.storage.put('networkpolicies', {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata,
      spec,
    });
  }

  const remove = (name: string) => lab.cluster.delete({ resource: 'networkpolicies', namespace: SPACE, name });

  /** Does it, and waits until another table of the pod is in force: it may have been closed before that was written. */
  async function changing(pod: Actor, change: () => unknown): Promise<void> {
    const before = (await stage.whenReady(pod.namespace, pod.name)).policyRevision;
    await change();
    await stage.until('the policy is in force', async () => {
      const now = await stage.endpoint(pod.namespace, pod.name);
      const isWritten = (await stage.api.metrics()).includes('\nmembrane_policy_building_tables 0\n');
      return now === undefined || now.policyRevision === before || !isWritten ? undefined : now;
    });
  }

  const start = (name: string, labels: Record<string, string> = {}) =>
    stage.startPod({ namespace: SPACE, name, labels: { app: name, ...labels } });

  const reach = async (from: Actor, to: Actor, timeoutMs = 400) =>
    (await probe(from.netns, { to: to.ip, port: 8080, timeoutMs })).state;
  /** Of who is to be let in: that is told at once, and the machine may be busier than it says. */
  const reached = (from: Actor, to: Actor) => reach(from, to, ANSWERED_MS);

  const pings = async (from: Actor | 'world', to: Actor | 'world') => {
    const argv = ['ping', '-n', '-q', '-c', '2', '-i', '0.1', '-W', '1', to === 'world' ? WORLD : to.ip];
    const run = from === 'world' ? lab.cluster.worldExec(argv) : inNetns(from, argv);
    return (await run).stdout.match(/(\d+) received/)?.[1] === '2';
  };

  const inNetns = (from: Actor, argv: string[]) =>
    lab.cluster.nodeExec('node-1', ['nsenter', `--net=${from.netns}`, '--', ...argv]);

  const traced = async (from: string, to: string) => (await stage.api.trace({ from, to, protocol: 'ICMP' })).verdict;

  describe('blocks of IPv6 that lie around all of IPv4', () => {
    const blocks = ['::/0', '::/1', '::/80', '::fffe:0:0/95', '::ffff:0:0/95'].map((cidr) => ({ ipBlock: { cidr } }));

    it('open nothing of IPv4, in either direction, whatever others write', async () => {
      const [six, any] = await Promise.all([start('six'), start('any')]);
      expect([await pings('world', any), await pings(any, 'world')]).toEqual([true, true]);
      await changing(six, () =>
        store('six', {
          podSelector: { matchLabels: { app: 'six' } },
          policyTypes: ['Ingress', 'Egress'],
          ingress: [{ from: blocks }],
          egress: [{ to: blocks }],
        }),
      );
      const closed = async () => {
        expect([await pings('world', six), await pings(six, 'world')]).toEqual([false, false]);
        expect([await traced('world', podName(six)), await traced(podName(six), WORLD)]).toEqual(['denied', 'denied']);
        expect([await pings('world', any), await pings(any, 'world')]).toEqual([true, true]);
      };
      await closed();
      const everything = [{ ipBlock: { cidr: '0.0.0.0/0' } }];
      await changing(any, () =>
        store('any', {
          podSelector: { matchLabels: { app: 'any' } },
          ingress: [{ from: everything }],
          egress: [{ to: everything }],
        }),
      );
      await closed();
      await changing(any, () => remove('any'));
      await closed();
    });
  });

  describe('policies that cannot be read', () => {
    let server: Actor;
    let friend: Actor;
    let stranger: Actor;
    beforeAll(async () => {
      [server, friend, stranger] = await Promise.all([
        start('server'),
        start('friend', { role: 'friend' }),
        start('stranger'),
      ]);
    });

    const podSelector = { matchLabels: { app: 'server' } };
    const friends = { from: [{ podSelector: { matchLabels: { role: 'friend' } } }] };
    const closes: [string, JsonObject][] = [
      ['a field of the rule', { podSelector, ingress: [{ ...friends, later: true }] }],
      ['a kind of peer', { podSelector, ingress: [{ from: [{ domainNames: ['*'] }] }] }],
      ['a field of a port', { podSelector, ingress: [{ ...friends, ports: [{ port: 8080, later: 1 }] }] }],
      ['a field of the policy', { podSelector, later: 'x', ingress: [friends] }],
      ['a field of the selector of a peer', { podSelector, ingress: [{ from: [{ podSelector: { later: {} } }] }] }],
      ['its own selector', { podSelector: { matchNames: ['x'] }, ingress: [{ ...friends, later: 1 }] }],
    ];
    const asIs: [string, JsonObject][] = [
      ['a protocol', { podSelector, ingress: [{ ...friends, ports: [{ protocol: 'QUIC', port: 8080 }] }] }],
      ['a prefix', { podSelector, ingress: [{ from: [{ ipBlock: { cidr: '0.0.0.0' } }] }] }],
      ['its types', { podSelector, policyTypes: ['Both'], ingress: [{ ...friends, later: 1 }] }],
      ['anything', 'what a later version makes of it' as unknown as JsonObject],
    ];

    it.each([
      ...closes.map(([what, spec]) => [what, spec, store] as const),
      ...asIs.map(([what, spec]) => [what, spec, storeAsIs] as const),
    ])('isolate and admit nobody by what is not known: %s', async (_what, spec, how) => {
      expect(await reached(friend, server)).toBe(REACHED);
      await changing(server, () => how('unknown', spec));
      expect([await reach(friend, server), await reach(stranger, server)]).toEqual([DROPPED, DROPPED]);
      const { detail, state } = await stage.api.policy({ namespace: SPACE, name: 'unknown' });
      expect([state, detail]).toEqual(['unreadable', expect.stringMatching(/^spec/)]);
      await changing(server, () => remove('unknown'));
    });

    it('go on with the rules that can be read, and say everywhere what cannot', async () => {
      const spec = { podSelector, ingress: [{ from: [{ domainNames: ['*'] }] }, friends] };
      await changing(server, () => store('half', spec));
      expect([await reached(friend, server), await reach(stranger, server)]).toEqual([REACHED, DROPPED]);
      const text = 'spec.ingress[0].from[0].domainNames: Unknown field';
      const event = await stage.until('an event on the object', async () =>
        (await lab.cluster.list('events', SPACE)).find(({ reason }) => reason === 'PolicyUnreadable'),
      );
      expect(event).toMatchObject({
        type: 'Warning',
        involvedObject: { kind: 'NetworkPolicy', name: 'half' },
        message: expect.stringContaining(`${text}: no such field is known here: ingress rule 0 admits nobody`),
      });
      expect(await stage.api.status().then(({ checks }) => checks.find(({ name }) => name === 'policies'))).toEqual({
        name: 'policies',
        ok: false,
        detail: expect.stringMatching(
          /^1 policy is not in force as written; NetworkPolicy closed\/half: spec\.ingress/,
        ),
      });
      const { findings } = await stage.api.doctor();
      expect(findings.find(({ check }) => check === 'policies')).toMatchObject({
        severity: 'warning',
        evidence: expect.stringContaining(text),
      });
      expect(await stage.api.metrics()).toContain('membrane_policy_closed_policies{reason="unreadable"} 1');
      const trace = await stage.api.trace({ from: podName(stranger), to: podName(server), port: 8080 });
      expect(trace.steps.at(-1)?.reason).toContain('ingress rule 0 cannot be read and admits nobody');
      await changing(server, () => remove('half'));
    });

    it('mean what Kubernetes means, as far as it accepts them', async () => {
      const zeros = friend.ip.split('.').map((octet) => octet.padStart(3, '0'));
      for (const cidr of [`${zeros.join('.')}/032`, `::ffff:${friend.ip}/128`]) {
        await changing(server, () => store('old', { podSelector, ingress: [{ from: [{ ipBlock: { cidr } }] }] }));
        expect([cidr, await reached(friend, server), await reach(stranger, server)]).toEqual([cidr, REACHED, DROPPED]);
        await changing(server, () => remove('old'));
      }
      const values = ['x'.repeat(100), 'a b', 'friend'];
      const matchExpressions = [{ key: 'role', operator: 'In', values }];
      await changing(server, () =>
        store('old', { podSelector, ingress: [{ from: [{ podSelector: { matchExpressions } }] }] }),
      );
      expect([await reached(friend, server), await reach(stranger, server)]).toEqual([REACHED, DROPPED]);
      expect((await stage.api.policy({ namespace: SPACE, name: 'old' })).state).toBe('applied');
      const cidr = `::${friend.ip}/128`;
      await changing(server, () => store('old', { podSelector, ingress: [{ from: [{ ipBlock: { cidr } }] }] }));
      expect([await reach(friend, server), await reach(stranger, server)]).toEqual([DROPPED, DROPPED]);
      await changing(server, () => remove('old'));
    });

    /** More prefixes than a namespace may have here. */
    const tooMany = () => [
      { ipBlock: { cidr: `${friend.ip}/32` } },
      ...Array.from({ length: 60 }, (_, n) => ({ ipBlock: { cidr: `203.0.113.${n}/32` } })),
    ];

    it('stay closed when the agent is killed, whatever they said before', async () => {
      const full = await start('full');
      const ofFull = (from: JsonObject[]) => ({ podSelector: { matchLabels: { app: 'full' } }, ingress: [{ from }] });
      const look = async (how: typeof reached = reach) => [await how(friend, server), await how(friend, full)];
      await changing(server, () => store('newer', { podSelector, ingress: [friends] }));
      await changing(full, () => store('full', ofFull(tooMany().slice(0, 1))));
      expect(await look(reached)).toEqual([REACHED, REACHED]);
      await changing(server, () => store('newer', { podSelector, ingress: [{ ...friends, later: 1 }] }));
      await changing(full, () => store('full', ofFull(tooMany())));
      expect(await look()).toEqual([DROPPED, DROPPED]);
      await lab.cluster.killAgent('node-1');
      expect(await look()).toEqual([DROPPED, DROPPED]);
      await lab.cluster.startAgent('node-1');
      await stage.agentReady();
      expect(await look()).toEqual([DROPPED, DROPPED]);
      const { checks } = await stage.api.status();
      expect(checks.find(({ name }) => name === 'policies')).toMatchObject({
        ok: false,
        detail: expect.stringMatching(/^2 policies are not in force as written/),
      });
      expect(await stage.api.policy({ namespace: SPACE, name: 'full' })).toMatchObject({
        state: 'no-room',
        detail: expect.stringContaining('61 prefixes: the namespace may have 48'),
      });
      await changing(full, () => store('full', ofFull(tooMany().slice(0, 40))));
      await changing(server, () => remove('newer'));
      expect(await look(reached)).toEqual([REACHED, REACHED]);
    });
  });

  it.each(['io.kubernetes.pod.namespace', 'io.cilium.k8s.policy.serviceaccount', 'pod-template-hash'])(
    'select pods by any label that the API lets them have: %s',
    async (key) => {
      const labels = { [key]: 'mine' };
      const [server, friend, stranger] = await Promise.all([
        start(stage.fresh('server'), labels),
        start(stage.fresh('friend'), { ...labels, role: 'friend' }),
        start(stage.fresh('stranger'), { [key]: 'other' }),
      ]);
      expect([await reached(friend, server), await reached(stranger, server)]).toEqual([REACHED, REACHED]);
      await changing(server, () =>
        store('by-label', {
          podSelector: { matchLabels: labels },
          ingress: [{ from: [{ podSelector: { matchLabels: labels } }] }],
        }),
      );
      expect([await reached(friend, server), await reach(stranger, server)]).toEqual([REACHED, DROPPED]);
      await changing(server, () => remove('by-label'));
    },
  );
});
