import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { Code, createClient, type Transport } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Lifecycle, silentLogger, systemClock } from '../../base/index.ts';
import { FakeClock } from '../../base/testkit.ts';
import { HIDDEN_PEER, type PeerSight } from '../../model/index.ts';
import { type AccessQuestion, AgentNotices, Rights } from '../../observe/index.ts';
import { HIDDEN_IDENTITY } from '../../observe/sight/redact.ts';
import { TestHub } from '../../observe/testkit.ts';
import type { Flow } from './gen/flow/flow_pb.js';
import { type GetFlowsRequestSchema, Observer } from './gen/observer/observer_pb.js';
import { Peer } from './gen/peer/peer_pb.js';
import { HubbleServer } from './hubble-server.ts';
import { nodeTeller } from './node-teller.ts';
import { NodeLinks } from './relay/node-links.ts';
import { RelayCounts } from './relay/relay-counts.ts';
import { relayTeller } from './relay/relay-teller.ts';
import { loneNode } from './testkit.ts';

/** Endpoints 1 and 2 are pods of shop and bank, 3 of club, whose address is 10.244.1.9. */
const NAMESPACES = ['none', 'shop', 'bank', 'club'];
const names = {
  labels: (identity: number) =>
    identity < 4
      ? ['reserved:world']
      : [`k8s:io.kubernetes.pod.namespace=${NAMESPACES[identity - 300]}`, 'k8s:app=web'],
  endpoint: (id: number) => ({ namespace: NAMESPACES[id] ?? '', pod: `pod-of-${NAMESPACES[id]}` }),
  rule: (id: number) => (id === 0 ? undefined : `NetworkPolicy ${NAMESPACES[id]}/of-${NAMESPACES[id]}, ingress rule 0`),
};
const between = (source: number, destination: number) => ({
  sourceEndpoint: source,
  sourceIdentity: 300 + source,
  destinationEndpoint: destination,
  destinationIdentity: 300 + destination,
  rule: [destination, source],
});

describe('what tenants see through the observer API', () => {
  let folder: string;
  let hub: TestHub;
  let rights: Set<string>;
  let tokens: Map<string, string>;
  let answers: boolean;
  /** What the API server waits for before it answers about a namespace. */
  let waits: (namespace: string) => Promise<void>;
  let peers: Map<string, PeerSight>;
  let clock: FakeClock;
  let notices: AgentNotices;
  let lifecycle: Lifecycle;
  let node: HubbleServer;
  let relay: HubbleServer;

  const asText = (name: string, { verb, resource, subresource, namespace, name: object }: AccessQuestion) =>
    `${name} ${verb} ${resource}${subresource && `/${subresource}`} ${namespace}${object}`;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'membrane-rights-'));
    hub = new TestHub({ names });
    rights = new Set();
    tokens = new Map([
      ['token-of-shop', 'shopkeeper'],
      ['token-of-all', 'admin'],
    ]);
    answers = true;
    waits = async () => undefined;
    peers = new Map();
    clock = new FakeClock(1_000_000);
    notices = new AgentNotices();
    lifecycle = new Lifecycle({ log: silentLogger });
    const identify = async (token: string) => {
      if (!answers) throw new Error('the API server is away');
      const name = tokens.get(token);
      return name === undefined ? undefined : { name, groups: ['tenants'] };
    };
    const source = loneNode(hub, {
      rights: new Rights({
        ask: async ({ name }, question) => {
          if (!answers) throw new Error('the API server is away');
          await waits(question.namespace);
          return rights.has(asText(name, question));
        },
        tenantOf: (namespace) => (namespace === 'none' ? undefined : `tenant-${namespace}`),
        peers: (own, other) => peers.get(`${own} ${other}`) ?? HIDDEN_PEER,
        namespaces: () => NAMESPACES,
        clock,
      }),
      notices,
      peers: () => [{ name: 'node-1', address: `127.0.0.1:${open.port}` }],
    });
    const teller = async () => nodeTeller(source);
    const tcp = { host: '127.0.0.1', port: 0 };
    const socketPath = join(folder, 'hubble.sock');
    node = new HubbleServer({ teller, socketPath, tcp, identify, log: silentLogger });
    // As a relay reaches it: whoever comes is believed.
    const open = new HubbleServer({ teller, socketPath: undefined, tcp: { ...tcp, isOpen: true }, log: silentLogger });
    const links = new NodeLinks({
      peerService: socketPath,
      secrets: () => undefined,
      clock: systemClock,
      log: silentLogger,
    });
    relay = new HubbleServer({
      teller: async () => relayTeller(links, { version: '1', counts: new RelayCounts() }),
      socketPath: undefined,
      tcp,
      identify,
      log: silentLogger,
    });
    await lifecycle.start(open, node, links, relay);
    await expect.poll(() => links.all.map(({ isConnected }) => isConnected)).toEqual([true]);
  });
  afterEach(async () => {
    await lifecycle.stop();
    rmSync(folder, { recursive: true });
  });

  const overTcp = ({ port }: HubbleServer): Transport => createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}` });
  const bySocket = (): Transport =>
    createGrpcTransport({
      baseUrl: 'http://localhost',
      nodeOptions: { createConnection: () => net.connect({ path: join(folder, 'hubble.sock') }) },
    });
  const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
  const grant = (...texts: readonly string[]) => texts.forEach((text) => rights.add(text));

  type Asked = MessageInitShape<typeof GetFlowsRequestSchema>;
  async function flows(of: Transport, token: string, request: Asked = {}): Promise<Flow[]> {
    const all: Flow[] = [];
    const answers = createClient(Observer, of).getFlows(request, bearer(token));
    for await (const { responseTypes } of answers) if (responseTypes.case === 'flow') all.push(responseTypes.value);
    return all;
  }
  const ends = (all: readonly Flow[]) =>
    all.map(({ source, destination }) => [source, destination].map((end) => end?.podName || end?.labels.join()));
  const status = async (of: Transport, headers: Readonly<Record<string, string>>) =>
    await createClient(Observer, of).serverStatus({}, { headers });

  it('refuses over TCP who does not show who he is, and believes nobody for whom he asks', async () => {
    for (const of of [overTcp(node), overTcp(relay)]) {
      await expect(status(of, {})).rejects.toMatchObject({ code: Code.Unauthenticated });
      for (const authorization of ['Bearer nonsense', 'Bearer ', 'Negotiate x', `Basic ${btoa('x:nonsense')}`])
        await expect(status(of, { authorization })).rejects.toMatchObject({ code: Code.Unauthenticated });
      const as = Buffer.from(JSON.stringify({ name: 'admin', groups: ['system:masters'] })).toString('base64url');
      await expect(status(of, { 'membrane-as': as })).rejects.toMatchObject({ code: Code.Unauthenticated });
      const both = { authorization: 'Bearer token-of-shop', 'membrane-as': as };
      await expect(status(of, both)).rejects.toMatchObject({ code: Code.PermissionDenied });
      const basic = { authorization: `Basic ${btoa('anybody:token-of-shop')}` };
      expect(await status(of, basic)).toMatchObject({ version: '1' });
    }
    // Root, who shows a token, is whose it is.
    await expect(status(bySocket(), { authorization: 'Bearer nonsense' })).rejects.toMatchObject({
      code: Code.Unauthenticated,
    });
    await expect(status(bySocket(), { 'membrane-as': 'e30' })).rejects.toMatchObject({ code: Code.InvalidArgument });
  });

  it('shows each end to who may see it, on a node and through a relay', async () => {
    hub.publish(between(1, 2), between(2, 3), between(2, 1), {
      ...between(1, 3),
      type: 'drop',
      reason: 'policy-ingress',
    });
    grant('shopkeeper list flows shop', 'shopkeeper get flows/identity bank');
    for (const of of [overTcp(node), overTcp(relay), bySocket()]) {
      const all = await flows(of, 'token-of-shop');
      expect(ends(all)).toEqual([
        ['pod-of-shop', 'pod-of-bank'],
        ['pod-of-bank', 'pod-of-shop'],
        ['pod-of-shop', 'reserved:hidden'],
      ]);
      expect(all[2]?.destination).toMatchObject({ identity: HIDDEN_IDENTITY, namespace: '', ID: 0 });
      const text = JSON.stringify(all, (_key, value: unknown) => (typeof value === 'bigint' ? Number(value) : value));
      expect(text).not.toMatch(/club|bank\/of-bank/);
      // A filter on what is hidden says nothing of it.
      expect(await flows(of, 'token-of-shop', { whitelist: [{ destinationPod: ['club/'] }] })).toEqual([]);
      expect(await flows(of, 'token-of-shop', { blacklist: [{ destinationPod: ['club/'] }] })).toHaveLength(3);
      expect(ends(await flows(of, 'token-of-shop', { number: 1n }))).toEqual([['pod-of-shop', 'reserved:hidden']]);
      const observer = createClient(Observer, of);
      expect(await observer.serverStatus({}, bearer('token-of-shop'))).toMatchObject({ seenFlows: 0n, numFlows: 0n });
      const { namespaces } = await observer.getNamespaces({}, bearer('token-of-shop'));
      expect(namespaces.map(({ namespace }) => namespace)).toEqual(['shop']);
      expect((await observer.getNodes({}, bearer('token-of-shop'))).nodes).toMatchObject([{ seenFlows: 0n }]);
    }
    const peers = createClient(Peer, overTcp(node)).notify({}, bearer('token-of-shop'));
    await expect(Array.fromAsync(peers)).rejects.toMatchObject({ code: Code.PermissionDenied });
  });

  it('shows of the other end what both Tenants say, from the next flow on, and filters by no more', async () => {
    grant('shopkeeper list flows shop');
    hub.publish(between(1, 2), between(3, 1));
    for (const of of [overTcp(node), overTcp(relay), bySocket()]) {
      const seen = async () => ends(await flows(of, 'token-of-shop'));
      peers = new Map([['bank shop', { peers: 'Full' }]]);
      expect(await seen(), 'what they may see of him').toEqual([
        ['pod-of-shop', 'reserved:hidden'],
        ['reserved:hidden', 'pod-of-shop'],
      ]);
      peers.set('shop bank', { peers: 'TenantName', tenant: 'tenant-bank' });
      expect(await seen()).toEqual([
        ['pod-of-shop', 'reserved:tenant-tenant-bank'],
        ['reserved:hidden', 'pod-of-shop'],
      ]);
      const toBank = { whitelist: [{ destinationPod: ['bank/'] }] };
      const toTenant = { whitelist: [{ destinationLabel: ['reserved:tenant-tenant-bank'] }] };
      expect(await flows(of, 'token-of-shop', toBank)).toEqual([]);
      expect(await flows(of, 'token-of-shop', toTenant)).toHaveLength(1);
      peers.set('shop bank', { peers: 'Full' });
      expect(await seen()).toEqual([
        ['pod-of-shop', 'pod-of-bank'],
        ['reserved:hidden', 'pod-of-shop'],
      ]);
      expect(await flows(of, 'token-of-shop', toBank)).toHaveLength(1);
    }
  });

  it('shows a tenant all of its namespaces, and who may see all everything', async () => {
    hub.publish(between(1, 2), between(2, 3), { ...between(0, 0), sourceIdentity: 2, destinationIdentity: 2 });
    grant('shopkeeper list tenants/flows tenant-bank', 'admin list flows ');
    expect(ends(await flows(overTcp(relay), 'token-of-shop'))).toEqual([
      ['reserved:hidden', 'pod-of-bank'],
      ['pod-of-bank', 'reserved:hidden'],
    ]);
    expect(await flows(overTcp(relay), 'token-of-all')).toHaveLength(3);
    expect(await status(overTcp(relay), bearer('token-of-all').headers)).toMatchObject({ seenFlows: 3n });
  });

  it('refuses who may see nothing, and all while nobody says who may see what', async () => {
    hub.publish(between(1, 2));
    grant('shopkeeper watch flows shop');
    for (const of of [overTcp(node), overTcp(relay)])
      await expect(flows(of, 'token-of-shop')).rejects.toMatchObject({ code: Code.PermissionDenied });
    answers = false;
    await expect(flows(overTcp(node), 'token-of-shop')).rejects.toMatchObject({ code: Code.Unavailable });
  });

  /** What a stream brings, and how it ends. */
  function followed(of: Transport, token: string) {
    const all: Flow[] = [];
    const ending = (async () => {
      const answers = createClient(Observer, of).getFlows({ follow: true }, bearer(token));
      for await (const { responseTypes } of answers) if (responseTypes.case === 'flow') all.push(responseTypes.value);
    })();
    ending.catch(() => undefined);
    return { all, ending };
  }

  it('ends a stream when the right to it is taken away, and shows nothing from then on', async () => {
    grant('shopkeeper watch flows shop', 'shopkeeper watch flows bank');
    const readers = [overTcp(node), overTcp(relay)].map((of) => followed(of, 'token-of-shop'));
    await expect.poll(() => hub.stats().readers).toBe(2);
    hub.publish(between(1, 3), between(3, 3));
    for (const { all } of readers) await expect.poll(() => ends(all)).toEqual([['pod-of-shop', 'reserved:hidden']]);
    rights.delete('shopkeeper watch flows shop');
    await clock.advance(2_000);
    for (const { ending, all } of readers) {
      await expect(ending).rejects.toMatchObject({
        code: Code.PermissionDenied,
        message: /cannot watch .*"shop" any more/,
      });
      expect(all).toHaveLength(1);
    }
    await expect.poll(() => hub.stats().readers).toBe(0);
  });

  it('ends what only who sees all may follow when he does not any more: what an agent does, and the nodes', async () => {
    grant('admin list flows ');
    const told: string[] = [];
    const hear = async <T>(name: string, messages: AsyncIterable<T>): Promise<void> => {
      for await (const _ of messages) told.push(name);
    };
    const streams = [
      hear('agent', createClient(Observer, overTcp(node)).getAgentEvents({ follow: true }, bearer('token-of-all'))),
      hear('nodes', createClient(Peer, overTcp(node)).notify({}, bearer('token-of-all'))),
    ];
    for (const stream of streams) stream.catch(() => undefined);
    const notice = () => notices.add({ time: 1, kind: 'policy-updated', policy: 'NetworkPolicy bank/web' });
    await expect
      .poll(() => {
        notice();
        return new Set(told);
      })
      .toEqual(new Set(['agent', 'nodes']));
    rights.clear();
    await clock.advance(2_000);
    for (const stream of streams)
      await expect(stream).rejects.toMatchObject({ code: Code.PermissionDenied, message: /cannot list .* any more/ });
  });

  it('ends a stream whose reader is nobody any more, and all when nobody answers', async () => {
    grant('shopkeeper watch flows shop', 'admin watch flows ');
    const gone = [overTcp(node), overTcp(relay)].map((of) => followed(of, 'token-of-shop'));
    const left = followed(bySocket(), 'token-of-all');
    await expect.poll(() => hub.stats().readers).toBe(3);
    tokens.delete('token-of-shop');
    for (const { ending } of gone) await expect(ending).rejects.toMatchObject({ code: Code.Unauthenticated });
    answers = false;
    await clock.advance(4_000);
    expect(hub.stats().readers).toBe(1);
    await clock.advance(5_000);
    await expect(left.ending).rejects.toMatchObject({ code: Code.Unavailable });
  });

  it('shows nothing of what it asked about when the stream ended meanwhile', async () => {
    grant('shopkeeper watch flows shop', 'shopkeeper watch flows new');
    const { all, ending } = followed(overTcp(node), 'token-of-shop');
    await expect.poll(() => hub.stats().readers).toBe(1);
    const { promise, resolve } = Promise.withResolvers<void>();
    let isAsked = false;
    waits = async (namespace) => {
      if (namespace !== 'new') return;
      isAsked = true;
      await promise;
    };
    NAMESPACES[4] = 'new';
    hub.publish(between(4, 4));
    await expect.poll(() => isAsked).toBe(true);
    rights.delete('shopkeeper watch flows shop');
    await clock.advance(2_000);
    resolve();
    await expect(ending).rejects.toMatchObject({ code: Code.PermissionDenied });
    expect(all).toEqual([]);
    NAMESPACES.splice(4);
  });

  it('asks about a namespace that comes later before it shows anything of it', async () => {
    grant('shopkeeper watch flows shop', 'shopkeeper watch flows new');
    const { all } = followed(overTcp(node), 'token-of-shop');
    await expect.poll(() => hub.stats().readers).toBe(1);
    NAMESPACES[4] = 'new';
    hub.publish(between(4, 3), between(3, 4), between(3, 3));
    await expect
      .poll(() => ends(all))
      .toEqual([
        ['pod-of-new', 'reserved:hidden'],
        ['reserved:hidden', 'pod-of-new'],
      ]);
    NAMESPACES.splice(4);
  });
});
