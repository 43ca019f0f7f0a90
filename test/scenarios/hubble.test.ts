import net from 'node:net';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { expect, it } from 'vitest';
import { DropReason, type Flow, Verdict } from '../../src/api/hubble/gen/flow/flow_pb.js';
import {
  Health,
  HealthCheckResponse_ServingStatus as Serving,
} from '../../src/api/hubble/gen/grpc/health/v1/health_pb.js';
import { Observer } from '../../src/api/hubble/gen/observer/observer_pb.js';
import { rawScene } from '../../src/demonstration/acts/spoof.ts';
import { podFrame, syn, udp } from '../../src/demonstration/frames/frames.ts';
import { tenantScene } from '../../src/demonstration/stage/tenants.ts';
import { probe, sendFrames, startServe } from '../../src/demonstration/tools/frame-tool.ts';
import { useSandbox } from './attacks/lab.ts';

const lab = useSandbox();

it("tells Hubble's clients what happens, in their words and in ours", async () => {
  const path = join(lab.stage.node.agentDir, 'hubble.sock');
  const transport = createGrpcTransport({
    baseUrl: 'http://localhost',
    nodeOptions: { createConnection: () => net.connect({ path }) },
  });
  const observer = createClient(Observer, transport);
  const health = createClient(Health, transport);
  expect(await health.check({ service: 'hubble.server.Observer' })).toMatchObject({ status: Serving.SERVING });

  const { attacker, victim } = await rawScene(lab.stage);
  const stop = new AbortController();
  const followed: Flow[] = [];
  const sourcePod = [`${attacker.namespace}/${attacker.name}`];
  const following = (async () => {
    const whitelist = [{ sourcePod, verdict: [Verdict.DROPPED] }];
    for await (const { responseTypes } of observer.getFlows({ follow: true, whitelist }, { signal: stop.signal }))
      if (responseTypes.case === 'flow') followed.push(responseTypes.value);
  })().catch(() => undefined);
  await expect.poll(async () => (await lab.stage.api.status()).flows.readers).toBeGreaterThan(0);
  const denied = podFrame(attacker, victim.ip, udp(40_000, 9, new Uint8Array(8)));
  const spoofed = podFrame({ ...attacker, ip: victim.ip }, victim.ip, udp(40_000, 10, new Uint8Array(8)));
  await sendFrames(attacker.netns, [denied, spoofed]);

  await expect.poll(() => followed.length).toBe(2);
  // Two frames may be received on two processors.
  followed.sort((a, b) => a.dropReasonDesc - b.dropReasonDesc);
  const [forged, refused] = followed;
  expect(refused).toMatchObject({
    dropReasonDesc: DropReason.POLICY_DENIED,
    source: { namespace: attacker.namespace, podName: attacker.name },
    destination: { namespace: victim.namespace, podName: victim.name },
    l4: { protocol: { case: 'UDP', value: { sourcePort: 40_000, destinationPort: 9 } } },
  });
  expect(refused?.Summary).toMatch(/^denied ingress: .*NetworkPolicy .*; nearest NetworkPolicy \S+ wants .*port 8080$/);
  expect(forged).toMatchObject({ dropReasonDesc: DropReason.INVALID_SOURCE_IP });
  stop.abort();
  await following;

  // A name that is gone is told of what came when it was there.
  const { other } = await tenantScene(lab.stage, 'tenant-b');
  await sendFrames(other.netns, [podFrame(other, victim.ip, syn(40_000, 81, new Uint8Array(4)))]);
  const last = async (): Promise<Flow[]> => {
    const flows: Flow[] = [];
    for await (const { responseTypes } of observer.getFlows({
      number: 1n,
      whitelist: [{ sourcePod: ['tenant-b/other'] }],
    }))
      if (responseTypes.case === 'flow') flows.push(responseTypes.value);
    return flows;
  };
  await expect.poll(async () => (await last()).length).toBe(1);
  await lab.stage.deletePod('tenant-b', 'other');
  expect(await last()).toMatchObject([{ source: { podName: 'other', namespace: 'tenant-b' } }]);
  expect((await observer.getNamespaces({})).namespaces.map(({ namespace }) => namespace)).toContain('tenant-b');
  const done: (string | undefined)[] = [];
  for await (const { agentEvent } of observer.getAgentEvents({})) done.push(agentEvent?.notification.case);
  expect(new Set(done)).toEqual(new Set(['agentStart', 'policyUpdate', 'endpointUpdate']));
  const { flows } = await lab.stage.api.status();
  expect((await observer.serverStatus({})).seenFlows).toBeGreaterThanOrEqual(BigInt(flows.seen));
});

it('says what would let a connection pass, and it does; and suggests what was seen', async () => {
  const { stage, cluster } = lab;
  await stage.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'why' } });
  const [frontend, backend] = await Promise.all(
    ['frontend', 'backend'].map((name) => stage.startPod({ namespace: 'why', name, labels: { app: name } })),
  );
  if (frontend === undefined || backend === undefined) throw new Error('no pods');
  const deny = { podSelector: { matchLabels: { app: 'backend' } }, policyTypes: ['Ingress'] };
  const metadata = { name: 'deny', namespace: 'why' };
  const since = Date.now();
  stage.own(await startServe(backend.netns, { port: 7080 }));
  const ask = async () => (await probe(frontend.netns, { to: backend.ip, port: 7080 })).state;
  expect(await ask()).toBe('open');

  const talks = async () => await stage.api.talks({ namespace: 'why', since });
  await expect.poll(async () => (await talks()).talks.some(({ port }) => port === 7080)).toBe(true);
  const seen = [await talks()];
  const suggested = await stage.api.suggest({ namespace: 'why', since, seen, partial: false });
  const [first] = suggested.suggestions.filter(({ policy }) => JSON.stringify(policy).includes('"Ingress"'));
  expect(first?.policy).toMatchObject({
    spec: {
      podSelector: { matchLabels: { app: 'backend' } },
      ingress: [
        { from: [{ podSelector: { matchLabels: { app: 'frontend' } } }], ports: [{ protocol: 'TCP', port: 7080 }] },
      ],
    },
  });
  expect(first?.evidence).toEqual([
    [expect.stringMatching(/^1 connection.*: why\/frontend -> why\/backend TCP 7080$/)],
  ]);
  expect(suggested.replay.allowed).toBe(suggested.replay.seen);
  expect(suggested.closed).toBeGreaterThan(0);

  await stage.apply({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata, spec: deny });
  const question = { from: 'why/frontend', to: 'why/backend', port: 7080, protocol: 'TCP' as const };
  await expect.poll(async () => (await stage.api.trace(question)).verdict).toBe('denied');
  const { change } = await stage.api.why(question);
  expect(change).toMatchObject({ policies: [{ kind: 'NetworkPolicy' }], opens: [], closes: [] });
  for (const policy of change?.policies ?? []) await cluster.apply(JSON.stringify(policy));
  await expect.poll(async () => (await stage.api.trace(question)).verdict).toBe('allowed');
  await expect.poll(ask).toBe('open');
});
