import { expect, it } from 'vitest';
import { newMarker, podFrame, udp } from '../../../src/demonstration/frames/frames.ts';
import { startCount, startSend } from '../../../src/demonstration/tools/frame-tool.ts';
import { macOfAddr } from '../../../src/net/index.ts';
import { lab } from './shared-sandbox.ts';

it('a UDP server that keeps answering a former owner of an address does not let the present one in', async () => {
  const { stage } = lab;
  const namespace = 'udp-reuse';
  await stage.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  await stage.apply({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'server', namespace },
    spec: {
      podSelector: { matchLabels: { role: 'server' } },
      policyTypes: ['Ingress'],
      ingress: [{ from: [{ podSelector: { matchLabels: { role: 'client' } } }] }],
    },
  });
  const [client, server] = await Promise.all([
    stage.startPod({ namespace, name: 'client', labels: { role: 'client' } }),
    stage.startPod({ namespace, name: 'server', labels: { role: 'server' } }),
  ]);
  const [asked, injected, answer] = [newMarker(), newMarker(), newMarker()];
  const atServer = stage.own(await startCount(server.netns, { devices: ['eth0'], patterns: { asked, injected } }));
  const atClient = stage.own(await startCount(client.netns, { devices: ['eth0'], patterns: { answer } }));
  const endless = { count: 0, rate: 500 };
  const asking = stage.own(startSend(client.netns, [podFrame(client, server.ip, udp(4000, 53, asked))], endless));
  await stage.until('the server is asked', async () => ((await atServer.report()).matches['asked'] ? true : undefined));
  const answering = stage.own(startSend(server.netns, [podFrame(server, client.ip, udp(53, 4000, answer))], endless));
  await stage.until('the client is answered', async () =>
    (await atClient.report()).matches['answer'] ? true : undefined,
  );
  await asking.stop();

  await stage.sandbox.holdNetwork(namespace, 'chaos');
  await stage.createPod({ namespace, name: 'chaos', labels: { app: 'agent_of_chaos' }, ip: client.ip });
  const netns = await stage.until('chaos is there', () => stage.netnsOf(namespace, 'chaos'));
  const party = { ip: client.ip, mac: macOfAddr(client.ip) };
  const flood = stage.own(
    startSend(netns, [podFrame(party, server.ip, udp(4000, 53, injected))], { ...endless, wait: true, up: true }),
  );
  await stage.deletePod(namespace, 'client');
  await stage.sandbox.releaseNetwork(namespace, 'chaos');
  await stage.whenReady(namespace, 'chaos');
  await stage.settle(1_000);
  await stage.until('enough is sent', async () => ((await flood.report()).sent > 100 ? true : undefined));
  expect((await flood.stop()).sent).toBeGreaterThan(100);
  expect((await answering.report()).sent).toBeGreaterThan(100);
  expect(await atServer.report()).toMatchObject({ lost: 0, matches: { injected: 0 } });
});
