import { mkdtempSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Lifecycle, silentLogger } from '../../base/index.ts';
import { AgentNotices } from '../../observe/index.ts';
import { TestHub } from '../../observe/testkit.ts';
import {
  AgentEventType,
  DropReason,
  type Flow,
  type FlowFilterSchema,
  LostEventSource,
  Verdict,
} from './gen/flow/flow_pb.js';
import { Health, HealthCheckResponse_ServingStatus as Serving } from './gen/grpc/health/v1/health_pb.js';
import { type GetAgentEventsRequestSchema, type GetFlowsRequestSchema, Observer } from './gen/observer/observer_pb.js';
import { ChangeNotificationType, Peer } from './gen/peer/peer_pb.js';
import { NodeState } from './gen/relay/relay_pb.js';
import { HubbleServer } from './hubble-server.ts';
import { nodeTeller } from './node-teller.ts';
import type { HubblePeer } from './source.ts';
import { loneNode } from './testkit.ts';

/** What `hubble observe` asks for by itself. */
const DEFAULT_MASK = [
  'time,source.identity,verdict,ethernet,IP,l4,source.namespace,source.pod_name,destination.identity',
  'destination.namespace,destination.pod_name,Type,node_name,l7,event_type,source_service,destination_service',
  'is_reply,Summary,ip_trace_id',
].flatMap((paths) => paths.split(','));

const names = {
  rule: () => 'NetworkPolicy a/p, ingress rule 0',
  labels: (identity: number) => (identity === 300 ? ['k8s:app=web', 'k8s:tier=front'] : ['reserved:world']),
  endpoint: (id: number) => ({ namespace: id % 2 === 1 ? 'shop' : 'bank', pod: `web-${id}` }),
  denial: () =>
    ({
      direction: 'ingress',
      by: 'policies',
      policies: ['NetworkPolicy bank/a', 'NetworkPolicy bank/b'],
      reason: 'isolated',
      nearestMiss: { policy: 'NetworkPolicy bank/allow', rule: 'ingress rule 0', wants: 'port 9090', because: '' },
    }) as const,
};
const DROPPED = { type: 'drop', reason: 'policy-ingress', hook: 'to-pod', rule: [0, 0] } as const;

describe('the observer API, over gRPC on its socket', () => {
  let folder: string;
  let hub: TestHub;
  let notices: AgentNotices;
  let server: HubbleServer;
  let lifecycle: Lifecycle;
  let peers: HubblePeer[];
  let changed: Set<() => void>;
  let observer: Client<typeof Observer>;
  const sessions: http2.ClientHttp2Session[] = [];

  const transport = () =>
    createGrpcTransport({
      baseUrl: 'http://localhost',
      nodeOptions: { createConnection: () => net.connect({ path: join(folder, 'hubble.sock') }) },
    });

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'membrane-hubble-'));
    hub = new TestHub({ names, maxReaders: 8 });
    notices = new AgentNotices();
    lifecycle = new Lifecycle({ log: silentLogger });
    peers = [{ name: 'node-1', address: '10.0.0.1:4244' }];
    changed = new Set();
    server = new HubbleServer({
      teller: async () =>
        nodeTeller(
          loneNode(hub, {
            notices,
            version: '1.2.3',
            peers: () => peers,
            onPeers: (call) => changed.add(call),
          }),
        ),
      socketPath: join(folder, 'hubble.sock'),
      tcp: { host: '127.0.0.1', port: 0, isOpen: true },
      log: silentLogger,
    });
    await server.start(lifecycle);
    observer = createClient(Observer, transport());
  });
  afterEach(async () => {
    for (const session of sessions.splice(0)) session.destroy();
    await lifecycle.stop();
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  type Asked = MessageInitShape<typeof GetFlowsRequestSchema>;
  async function flows(request: Asked): Promise<Flow[]> {
    const all: Flow[] = [];
    for await (const { responseTypes } of observer.getFlows(request))
      if (responseTypes.case === 'flow') all.push(responseTypes.value);
    return all;
  }
  const lengths = async (request: Asked) =>
    (await flows(request)).map(({ l4 }) => (l4?.protocol.case === 'TCP' ? l4.protocol.value.sourcePort : 0));
  const filtered = async (filter: MessageInitShape<typeof FlowFilterSchema>) =>
    await lengths({ number: 100n, whitelist: [filter] });
  const codeOf = async (request: Asked) => {
    try {
      await flows(request);
      return undefined;
    } catch (error) {
      return ConnectError.from(error).code;
    }
  };

  it('is healthy by the names that clients ask for', async () => {
    const health = createClient(Health, transport());
    for (const service of ['', 'hubble.server.Observer', 'observer.Observer'])
      expect(await health.check({ service })).toMatchObject({ status: Serving.SERVING });
    await expect(health.check({ service: 'nobody' })).rejects.toMatchObject({ code: Code.NotFound });
    const stop = new AbortController();
    for await (const { status } of health.watch({ service: '' }, { signal: stop.signal })) {
      expect(status).toBe(Serving.SERVING);
      break;
    }
  });

  it('says what it keeps, of whom, and where', async () => {
    hub.publish({}, {}, DROPPED);
    expect(await observer.serverStatus({})).toMatchObject({ numFlows: 3n, seenFlows: 3n, version: '1.2.3' });
    expect((await observer.serverStatus({})).maxFlows).toBeGreaterThan(4_000n);
    const { nodes } = await observer.getNodes({});
    expect(nodes).toMatchObject([
      { name: 'test/node-1', address: '10.0.0.1:4244', state: NodeState.NODE_CONNECTED, numFlows: 3n },
    ]);
    const { namespaces } = await observer.getNamespaces({});
    expect(namespaces).toMatchObject([
      { cluster: 'test', namespace: 'bank' },
      { cluster: 'test', namespace: 'shop' },
    ]);
  });

  it('tells a flow as clients ask for it by themselves', async () => {
    hub.publish({ rule: [9, 0] }, DROPPED);
    const [allowed, asked] = await flows({ number: 2n, fieldMask: { paths: DEFAULT_MASK } });
    expect(allowed?.ingressAllowedBy).toMatchObject([{ kind: 'NetworkPolicy', namespace: 'a', name: 'p' }]);
    expect(asked).toMatchObject({
      verdict: Verdict.DROPPED,
      source: { namespace: 'shop', podName: 'web-1', identity: 300, labels: [] },
      l4: { protocol: { case: 'TCP', value: { sourcePort: 40_000, destinationPort: 8080 } } },
      nodeName: 'test/node-1',
      Summary: expect.stringContaining('nearest NetworkPolicy bank/allow wants port 9090'),
    });
    expect(asked?.time).toBeDefined();
    expect(asked?.extensions).toBeUndefined();
    const [open, dropped] = await flows({ number: 20n });
    expect(open).toMatchObject({
      verdict: Verdict.FORWARDED,
      source: { namespace: 'shop', podName: 'web-1', identity: 300, labels: ['k8s:app=web', 'k8s:tier=front'] },
      destination: { namespace: 'bank', podName: 'web-2', identity: 301 },
      IP: { source: '10.244.1.2', destination: '10.244.1.3' },
      l4: {
        protocol: {
          case: 'TCP',
          value: { sourcePort: 40_000, destinationPort: 8080, flags: { SYN: true, ACK: true } },
        },
      },
      nodeName: 'test/node-1',
      eventType: { type: 5 },
      isReply: false,
      ingressAllowedBy: [{ kind: 'NetworkPolicy', namespace: 'a', name: 'p' }],
      Summary: 'TCP Flags: SYN, ACK; allowed by NetworkPolicy a/p, ingress rule 0',
    });
    expect(dropped).toMatchObject({
      verdict: Verdict.DROPPED,
      dropReasonDesc: DropReason.POLICY_DENIED,
      eventType: { type: 1, subType: 133 },
      Summary:
        'denied ingress: 2 policies isolate it (NetworkPolicy bank/a, NetworkPolicy bank/b); nearest NetworkPolicy bank/allow wants port 9090',
    });
    expect(dropped?.extensions?.typeUrl).toBe('type.googleapis.com/google.protobuf.StringValue');
  });

  it('sends of flows what a mask names, whole or in part, and passes over what it does not know', async () => {
    hub.publish({ rule: [9, 0] }, { sourcePort: 2 });
    const paths = [
      'l4.TCP.destination_port',
      'source',
      'source.identity',
      'later.version',
      'verdict.x',
      '',
      'is_reply',
    ];
    const [first] = await flows({ number: 20n, first: true, fieldMask: { paths } });
    expect(first).toMatchObject({
      l4: { protocol: { case: 'TCP', value: { sourcePort: 0, destinationPort: 8080 } } },
      source: { namespace: 'shop', podName: 'web-1', identity: 300, labels: ['k8s:app=web', 'k8s:tier=front'] },
      verdict: Verdict.VERDICT_UNKNOWN,
      Summary: '',
      nodeName: '',
      isReply: false,
    });
    expect(first?.l4?.protocol.value).not.toHaveProperty('flags.SYN');
    expect(first?.destination).toBeUndefined();
    const [udp] = await flows({ number: 1n, fieldMask: { paths: ['l4.UDP'] } });
    expect(udp?.l4?.protocol.case).toBeUndefined();
    expect(await lengths({ number: 2n, fieldMask: { paths: [] } })).toHaveLength(2);
  });

  it('escapes in its summary what would steer a terminal', async () => {
    const hostile = { ...names.denial(), policies: ['NetworkPolicy bank/\u001b[2J\u202e'], nearestMiss: undefined };
    const other = new TestHub({ names: { ...names, denial: () => hostile } });
    other.publish(DROPPED);
    Object.assign(hub, { observe: other.observe.bind(other) });
    const [flow] = await flows({ number: 1n });
    expect(flow?.Summary).toBe('denied ingress: NetworkPolicy bank/\\x1b[2J\\u202e isolates it');
  });

  it('gives the last, the first, and what lies between two times', async () => {
    hub.publish(...[1, 2, 3, 4, 5].map((sourcePort) => ({ sourcePort })));
    expect(await lengths({ number: 2n })).toEqual([4, 5]);
    expect(await lengths({ number: 2n, first: true })).toEqual([1, 2]);
    expect(await lengths({})).toEqual([1, 2, 3, 4, 5]);
    const at = (ms: number) => ({ seconds: 0n, nanos: ms * 1e6 });
    expect(await lengths({ since: at(2), until: at(4) })).toEqual([2, 3, 4]);
    expect(await lengths({ since: at(2), number: 1n, first: true })).toEqual([2]);
    expect(await lengths({ until: at(3), number: 2n })).toEqual([2, 3]);
    expect(await codeOf({ first: true, follow: true, number: 1n })).toBe(Code.InvalidArgument);
  });

  it('follows from what is stored to what comes, and ends with its reader', async () => {
    hub.publish({ sourcePort: 1 }, { sourcePort: 2 });
    const seen: number[] = [];
    const stop = new AbortController();
    for await (const { responseTypes } of observer.getFlows({ number: 1n, follow: true }, { signal: stop.signal })) {
      if (responseTypes.case !== 'flow' || responseTypes.value.l4?.protocol.case !== 'TCP') continue;
      seen.push(responseTypes.value.l4.protocol.value.sourcePort);
      if (seen.length === 4) break;
      hub.publish({ sourcePort: 2 + seen.length });
    }
    stop.abort();
    expect(seen).toEqual([2, 3, 4, 5]);
    await expect.poll(() => hub.stats().readers).toBe(0);
  });

  it('counts what is lost apart from flows, all of it', async () => {
    hub.publish({ sourcePort: 1 });
    hub.recordKernelLoss(7);
    hub.publish({ sourcePort: 2 });
    hub.recordKernelLoss(5);
    const responses = [];
    for await (const { responseTypes } of observer.getFlows({ number: 2n })) responses.push(responseTypes);
    const lost = responses.flatMap((one) => (one.case === 'lostEvents' ? [one.value] : []));
    expect(responses.filter((one) => one.case === 'flow')).toHaveLength(2);
    expect(lost.reduce((sum, { numEventsLost }) => sum + numEventsLost, 0n)).toBe(12n);
    expect(lost[0]?.source).toBe(LostEventSource.PERF_EVENT_RING_BUFFER);
  });

  it('filters: fields and, values or, lists or, less what is unwanted', async () => {
    hub.publish(
      { sourcePort: 1 },
      { sourcePort: 2, ...DROPPED },
      { sourcePort: 3, sourceEndpoint: 4, protocol: 6 },
      { sourcePort: 4, sourceEndpoint: 0, source: '192.0.2.7', sourceIdentity: 2, isReply: true },
      { sourcePort: 5, type: 'close', tcpFlags: 0x11, destinationPort: 443 },
    );
    const cases: [MessageInitShape<typeof FlowFilterSchema>, number[]][] = [
      [{}, [1, 2, 3, 4, 5]],
      [{ sourcePod: ['shop/web'] }, [1, 2, 5]],
      [{ sourcePod: ['shop/'] }, [1, 2, 5]],
      [{ sourcePod: ['/web-'] }, [1, 2, 3, 5]],
      [{ sourcePod: ['web'] }, []],
      [{ sourcePod: ['shop/web-1', 'bank/web-4'] }, [1, 2, 3, 5]],
      [{ sourcePod: ['shop/'], verdict: [Verdict.DROPPED] }, [2]],
      [{ verdict: [Verdict.DROPPED, Verdict.FORWARDED] }, [1, 2, 3, 4, 5]],
      [{ dropReasonDesc: [DropReason.POLICY_DENIED] }, [2]],
      [{ sourceIp: ['192.0.2.0/24'] }, [4]],
      [{ sourceIp: ['192.0.2.7'] }, [4]],
      [{ destinationIp: ['10.244.1.3', '192.0.2.1'] }, [1, 2, 3, 4, 5]],
      [{ sourceLabel: ['k8s:app=web'] }, [1, 2, 3, 5]],
      [{ sourceLabel: ['app in (web, db),tier!=back'] }, [1, 2, 3, 5]],
      [{ sourceLabel: ['reserved:world'] }, [4]],
      [{ sourceLabel: ['!app'] }, [4]],
      [{ sourceIdentity: [2] }, [4]],
      [{ destinationPort: ['443'] }, [5]],
      [{ protocol: ['TCP'] }, [1, 2, 3, 4, 5]],
      [{ protocol: ['udp', 'icmp'] }, []],
      [{ reply: [true] }, [4]],
      [{ eventType: [{ type: 1 }] }, [2]],
      [{ eventType: [{ type: 4 }, { type: 1, matchSubType: true, subType: 133 }] }, [2, 5]],
      [{ eventType: [{ type: 1, matchSubType: true, subType: 132 }] }, []],
      [{ tcpFlags: [{ FIN: true }] }, [5]],
      [{ tcpFlags: [{ SYN: true, ACK: true }] }, [1, 2, 3, 4]],
      [{ nodeName: ['node-*'] }, [1, 2, 3, 4, 5]],
      [{ nodeName: ['other/'] }, []],
      [{ nodeName: ['test/node-1'] }, [1, 2, 3, 4, 5]],
      [{ httpMethod: ['GET'] }, []],
      [{ sourceService: ['shop/'] }, []],
      [{ experimental: { celExpression: ['_flow.source.pod_name == "web-4"'] } }, [3]],
      [{ experimental: { celExpression: ['_flow.verdict == Verdict.DROPPED'] } }, [2]],
      [
        {
          experimental: {
            celExpression: [
              '_flow.l4.TCP.destination_port > 400 && !_flow.reply',
              '_flow.l4.TCP.destination_port < 500',
            ],
          },
        },
        [5],
      ],
      [{ experimental: { celExpression: ['_flow.source.pod_name.matches("^web-[4-9]$")'] } }, [3]],
      [{ experimental: { celExpression: ['_flow.nothing.there == 1'] } }, []],
    ];
    for (const [filter, expected] of cases) expect([filter, await filtered(filter)]).toEqual([filter, expected]);
    const whitelist = [{ sourcePod: ['bank/'] }, { verdict: [Verdict.DROPPED] }];
    expect(await lengths({ number: 9n, whitelist })).toEqual([2, 3]);
    expect(await lengths({ number: 9n, blacklist: whitelist })).toEqual([1, 4, 5]);
    expect(await lengths({ number: 9n, whitelist, blacklist: [{ sourcePort: ['3'] }] })).toEqual([2]);
  });

  it('refuses what it cannot understand, and says what', async () => {
    const bad: MessageInitShape<typeof FlowFilterSchema>[] = [
      { sourceIp: ['10.0.0.0/33'] },
      { sourceIp: ['somewhere'] },
      { sourceLabel: ['a=b=c'] },
      { sourceLabel: [''] },
      { sourcePort: ['http'] },
      { destinationPort: ['65536'] },
      { protocol: ['carrier-pigeon'] },
      { nodeName: ['Node_1'] },
      { dnsQuery: ['(a'] },
      { experimental: { celExpression: ['_flow.source.'] } },
      { experimental: { celExpression: ['"' + 'a'.repeat(5_000) + '" == ""'] } },
    ];
    for (const filter of bad)
      expect([filter, await codeOf({ number: 1n, whitelist: [filter] })]).toEqual([filter, Code.InvalidArgument]);
    const many = Array.from({ length: 10_000 }, () => ({ reply: [true] }));
    expect(await codeOf({ whitelist: many })).toBe(Code.InvalidArgument);
    expect(await codeOf({ whitelist: [{ sourcePort: Array.from({ length: 10_000 }, () => '1') }] })).toBe(
      Code.InvalidArgument,
    );
    // Beyond what it reads at all.
    expect(await codeOf({ whitelist: [{ sourceFqdn: ['x'.repeat(2_000_000)] }] })).toBe(Code.ResourceExhausted);
  });

  it('has no time for a pattern that would take for ever', async () => {
    hub.publish({ sourcePort: 1 });
    const call = `"${'a'.repeat(60)}!".matches("(a+)+$")`;
    expect(await filtered({ experimental: { celExpression: [call] } })).toEqual([]);
    // To a reader of the text the call stands within a literal.
    const hidden = `r"\\"" == "" || ${call} || r"\\"" == ""`;
    expect(await codeOf({ number: 1n, whitelist: [{ experimental: { celExpression: [hidden] } }] })).toBe(
      Code.InvalidArgument,
    );
  });

  it('has room for so many who follow, and tells the next', async () => {
    const stops = Array.from({ length: 8 }, () => new AbortController());
    const reading = stops.map(async ({ signal }) => {
      for await (const _ of observer.getFlows({ follow: true }, { signal })) return;
    });
    await expect.poll(() => hub.stats().readers).toBe(8);
    expect(await codeOf({ follow: true })).toBe(Code.ResourceExhausted);
    // Who asks for what is stored is served all the same.
    hub.publish({ sourcePort: 1 });
    expect(await lengths({ number: 1n })).toEqual([1]);
    await Promise.allSettled(reading);
    await expect.poll(() => hub.stats().readers).toBe(0);
  });

  it('is not held up by bytes that are no HTTP/2, and by readers that never read', async () => {
    const port = server.port ?? 0;
    const broken = net.connect({ host: '127.0.0.1', port });
    broken.on('error', () => undefined);
    broken.write('GET / HTTP/1.1\r\n\r\n\u0000\u0000\u0000');
    const session = http2.connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 1 } });
    sessions.push(session);
    const headers = {
      ':method': 'POST',
      ':path': '/observer.Observer/GetFlows',
      'content-type': 'application/grpc',
      te: 'trailers',
    };
    const stream = session.request(headers);
    stream.on('error', () => undefined);
    // An empty request but for `follow`, and nothing of the answer is read.
    stream.end(Buffer.from([0, 0, 0, 0, 2, 0x18, 1]));
    await expect.poll(() => hub.stats().readers).toBe(1);
    for (let round = 0; round < 40; round += 1) hub.publish(...Array.from({ length: 250 }, () => ({ sourcePort: 7 })));
    expect(await lengths({ number: 1n })).toEqual([7]);
    const odd = session.request({ ...headers, ':path': '/observer.Observer/ServerStatus' });
    odd.on('error', () => undefined);
    odd.end(Buffer.from([0, 0, 0, 0, 9, 0xff, 0xff]));
    broken.destroy();
    expect(await observer.serverStatus({})).toMatchObject({ version: '1.2.3' });
  });

  it('tells what the agent did, the last, the first and what comes', async () => {
    const read = async (request: MessageInitShape<typeof GetAgentEventsRequestSchema>, most = 100) => {
      const events: string[] = [];
      for await (const { agentEvent, nodeName } of observer.getAgentEvents(request)) {
        const { case: kind, value } = agentEvent?.notification ?? {};
        const what = kind === 'policyUpdate' ? value?.labels[0] : kind === 'endpointUpdate' ? value?.podName : kind;
        events.push(`${nodeName} ${AgentEventType[agentEvent?.type ?? 0]} ${what}`);
        if (events.length === 3 && most === 4)
          notices.add({ time: 4, kind: 'policy-deleted', policy: 'NetworkPolicy a/b' });
        if (events.length === most) break;
      }
      return events;
    };
    notices.add({ time: 1, kind: 'started' });
    notices.add({ time: 2, kind: 'policy-updated', policy: 'NetworkPolicy a/b' });
    notices.add({ time: 3, kind: 'endpoint-created', id: 7, namespace: 'a', pod: 'web' });
    const all = [
      'test/node-1 AGENT_STARTED agentStart',
      'test/node-1 POLICY_UPDATED NetworkPolicy a/b',
      'test/node-1 ENDPOINT_CREATED web',
    ];
    expect(await read({})).toEqual(all);
    expect(await read({ number: 2n })).toEqual(all.slice(1));
    expect(await read({ number: 1n, first: true })).toEqual(all.slice(0, 1));
    expect(await read({ since: { seconds: 0n, nanos: 3_000_000 } })).toEqual(all.slice(2));
    expect(await read({ number: 3n, follow: true }, 4)).toEqual([
      ...all,
      'test/node-1 POLICY_DELETED NetworkPolicy a/b',
    ]);
  });

  it('tells which nodes there are, and what becomes of them', async () => {
    const stop = new AbortController();
    const told: string[] = [];
    for await (const { name, address, type } of createClient(Peer, transport()).notify({}, { signal: stop.signal })) {
      told.push(`${ChangeNotificationType[type]} ${name} ${address}`);
      if (told.length === 1) peers = [...peers, { name: 'node-2', address: '10.0.0.2:4244' }];
      if (told.length === 2) peers = [{ name: 'node-2', address: '10.0.0.3:4244' }];
      if (told.length === 4) break;
      for (const call of changed) call();
    }
    stop.abort();
    expect(told).toEqual([
      'PEER_ADDED test/node-1 10.0.0.1:4244',
      'PEER_ADDED test/node-2 10.0.0.2:4244',
      'PEER_DELETED test/node-1 10.0.0.1:4244',
      'PEER_UPDATED test/node-2 10.0.0.3:4244',
    ]);
  });

  it('refuses to tell other machines without knowing whom', async () => {
    const open = new HubbleServer({
      teller: async () => await Promise.reject(new Error('nobody may ask')),
      socketPath: join(folder, 'other.sock'),
      tcp: { host: '0.0.0.0', port: 0 },
      log: silentLogger,
    });
    await expect(open.start(lifecycle)).rejects.toMatchObject({ code: 'E_HUBBLE_HOST' });
  });
});

it('what could not be loaded when somebody first asked is loaded when the next does', async () => {
  const lifecycle = new Lifecycle({ log: silentLogger });
  const hub = new TestHub({ names });
  let asked = 0;
  const server = new HubbleServer({
    teller: async () => {
      asked += 1;
      if (asked === 1) throw new Error('a file of it is away');
      return nodeTeller(loneNode(hub));
    },
    socketPath: undefined,
    tcp: { host: '127.0.0.1', port: 0, isOpen: true },
    log: silentLogger,
  });
  await server.start(lifecycle);
  const observer = createClient(Observer, createGrpcTransport({ baseUrl: `http://127.0.0.1:${server.port}` }));
  try {
    await expect(observer.serverStatus({})).rejects.toMatchObject({ code: Code.Internal });
    expect(await observer.serverStatus({})).toMatchObject({ version: '1' });
  } finally {
    await lifecycle.stop();
    await server.stop();
  }
});
