import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RetryInfoSchema } from '../../api/hubble/gen/otlp/status_pb.js';
import { type Clock, Lifecycle, silentLogger } from '../../base/index.ts';
import { createRegistry } from '../../base/metrics.ts';
import { TestHub } from '../../observe/testkit.ts';
import { parseConfig } from '../node/config.ts';
import { openExport } from './open-export.ts';
import { GrpcCollector, HttpCollector, refuse, take } from './testkit.ts';

const DROPPED = { type: 'drop', reason: 'policy-ingress', rule: [0, 0] } as const;
const PROTOBUF = { 'content-type': 'application/x-protobuf' };

let folder: string;
let hub: TestHub;
let lifecycle: Lifecycle;
/** How long it was waited, ms. */
let waited: number[];
let elapsed: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'membrane-otlp-'));
  hub = new TestHub({ names: { rule: () => 'NetworkPolicy a/p, ingress rule 0' } });
  lifecycle = new Lifecycle({ log: silentLogger });
  waited = [];
  elapsed = 0;
});
afterEach(async () => {
  await lifecycle.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Nobody waits: what is slept is over at once. */
const clock: Clock = {
  now: () => Date.now(),
  elapsed: () => elapsed,
  sleep: async (ms) => {
    waited.push(ms);
    elapsed += ms;
    await turn();
  },
};

const eventually = async (holds: () => void | Promise<void>): Promise<void> =>
  await vi.waitFor(holds, { timeout: 60_000, interval: 10 });

/** As the agent has it, started, with somebody who reads. */
async function open(otlp: Record<string, unknown>) {
  const registry = createRegistry();
  const config = parseConfig({ nodeName: 'node-1', clusterName: 'east', otlp });
  const { services, standing } = await openExport({ config, registry, log: silentLogger, clock }, hub);
  await lifecycle.start(...services);
  await eventually(() => expect(hub.stats().readers).toBe(1));
  const sum = (text: string, name: string) =>
    [...text.matchAll(new RegExp(`^${name}(?:{[^}]*})? (\\d+)$`, 'gm'))].reduce(
      (all, [, count]) => all + Number(count),
      0,
    );
  return {
    standing,
    metrics: async () => await registry.metrics(),
    /** What became of them, all told. */
    counts: async () => {
      const text = await registry.metrics();
      return { sent: sum(text, 'membrane_otlp_flows_sent_total'), lost: sum(text, 'membrane_otlp_flows_lost_total') };
    },
  };
}

describe('flows to a collector over HTTP', () => {
  let collector: HttpCollector;
  beforeEach(async () => {
    collector = await new HttpCollector().listen();
  });
  afterEach(async () => {
    await lifecycle.stop();
    await collector[Symbol.asyncDispose]();
  });
  const to = (path = '') => ({ endpoint: `http://127.0.0.1:${collector.port}${path}` });

  it('are log records, with names of OpenTelemetry where it has one', async () => {
    const { standing, metrics } = await open(to());
    hub.publish({ rule: [9, 9] }, { ...DROPPED, destinationPort: 9090 }, { protocol: 1, type: 'close' });
    await eventually(() => expect(standing().fine).toMatch(/^3 flows sent to http:\S+, 0 lost$/));
    const [request] = collector.asked;
    expect(request).toMatchObject({
      path: '/v1/logs',
      headers: PROTOBUF,
      resource: {
        'service.name': 'membrane',
        'service.instance.id': 'east/node-1',
        'k8s.cluster.name': 'east',
        'k8s.node.name': 'node-1',
      },
    });
    const [passed, dropped, closed] = collector.flows;
    expect(passed).toMatchObject({
      body: expect.stringContaining('allowed by NetworkPolicy a/p') as string,
      severity: '9 INFO',
      event: 'membrane.flow',
      time: 1_000_000n,
    });
    expect(passed?.attributes).toEqual({
      'network.transport': 'tcp',
      'network.type': 'ipv4',
      'network.io.direction': 'receive',
      'source.address': '10.244.1.2',
      'source.port': 40_000,
      'destination.address': '10.244.1.3',
      'destination.port': 8080,
      'membrane.source.namespace': 'a',
      'membrane.source.pod': 'web',
      'membrane.source.identity': 300,
      'membrane.source.labels': ['k8s:app=web', 'k8s:team'],
      'membrane.destination.identity': 301,
      'membrane.flow.type': 'open',
      'membrane.flow.verdict': 'forwarded',
      'membrane.flow.is_reply': false,
      'membrane.flow.tcp_flags': ['SYN', 'ACK'],
      'membrane.flow.egress_allowed_by': ['NetworkPolicy a/p'],
      'membrane.flow.ingress_allowed_by': ['NetworkPolicy a/p'],
    });
    expect(dropped).toMatchObject({
      severity: '13 WARN',
      attributes: { 'membrane.flow.verdict': 'dropped', 'membrane.flow.drop_reason': 'policy-ingress' },
    });
    expect(closed?.attributes).toMatchObject({ 'network.transport': 'icmp', 'membrane.flow.type': 'close' });
    expect(Object.keys(closed?.attributes ?? {}).filter((key) => key.endsWith('.port'))).toEqual([]);
    expect(await metrics()).toContain('membrane_otlp_flows_sent_total 3');
  });

  it('are those that filters want, with the fields that are asked for', async () => {
    const { standing } = await open({
      ...to('/otlp/v1/logs'),
      compression: 'gzip',
      allow: [{ verdict: ['DROPPED'] }],
      deny: [{ destination_port: ['53'] }],
      fieldMask: ['drop_reason_desc', 'source.pod_name', 'l4.TCP.destination_port'],
    });
    hub.publish({}, { ...DROPPED, destinationPort: 53 }, { ...DROPPED, destinationPort: 54 });
    await eventually(() => expect(standing().fine).toContain('1 flows sent'));
    expect(collector.asked[0]).toMatchObject({ path: '/otlp/v1/logs', headers: { 'content-encoding': 'gzip' } });
    expect(collector.flows).toEqual([
      expect.objectContaining({
        body: undefined,
        severity: '0 ',
        attributes: {
          'network.transport': 'tcp',
          'destination.port': 54,
          'membrane.source.pod': 'web',
          'membrane.flow.drop_reason': 'policy-ingress',
        },
      }),
    ]);
  });

  it('say what was lost before they came here', async () => {
    await open(to());
    hub.recordKernelLoss(7);
    await eventually(() =>
      expect(collector.flows).toMatchObject([
        { event: 'membrane.flows_lost', attributes: { 'membrane.lost.place': 'kernel', 'membrane.lost.count': 7 } },
      ]),
    );
  });

  it('are sent again where the collector asks for it, and when it asks for it', async () => {
    collector.next.push(
      refuse(429, { 'retry-after': '17' }),
      refuse(503, { 'retry-after': new Date(Date.now() + 100_000).toUTCString() }),
      refuse(502, { 'retry-after': 'soon' }),
      refuse(504),
      (request) => request.socket.destroy(),
      (_, response) => {
        response.writeHead(200, { ...PROTOBUF, 'content-length': '9' });
        response.write('1');
        response.destroy();
      },
    );
    const { standing, counts } = await open(to());
    hub.publish({}, {});
    await eventually(() =>
      expect(standing()).toEqual({ problems: [], fine: expect.stringMatching(/^2 flows sent/) as string }),
    );
    expect(collector.asked).toHaveLength(7);
    expect(waited[0]).toBe(17_000);
    expect(waited[1]).toBeGreaterThan(90_000);
    expect(waited.slice(2).every((ms) => ms >= 500 && ms <= 30_000)).toBe(true);
    expect(await counts()).toEqual({ sent: 2, lost: 0 });
  });

  it.each<[string, ReturnType<typeof refuse>, RegExp]>([
    ['a bad request', refuse(400, PROTOBUF, Buffer.from('\u0012\u0007no sir!')), /HTTP 400: no sir!/],
    [
      'who says something that hides',
      refuse(400, PROTOBUF, Buffer.from('\u0012\u0005\u001b[31m')),
      /HTTP 400: \\x1b\[31m/,
    ],
    ['what nobody may', refuse(401), /HTTP 401/],
    ['a way that leads nowhere', refuse(404, { 'content-type': 'text/html' }, '<h1>'), /HTTP 404/],
    ['a way that leads to others', refuse(307, { location: 'http://127.0.0.1:9/' }), /HTTP 307/],
    ['an error', refuse(500), /HTTP 500/],
    ['a page', refuse(200, { 'content-type': 'text/html' }, '<h1>welcome</h1>'), /does not speak OTLP/],
    ['what cannot be read', refuse(200, PROTOBUF, Buffer.from([0x0a, 0xff])), /does not speak OTLP/],
    ['what does not end', refuse(200, PROTOBUF, Buffer.alloc(70_000)), /longer than 65536 bytes/],
  ])('are not sent again for %s', async (_, handler, why) => {
    collector.next.push(handler);
    const { standing, metrics } = await open(to());
    hub.publish({}, {});
    await eventually(() => expect(standing().problems).toMatchObject([expect.stringMatching(/; 2 lost$/)]));
    expect(standing().problems[0]).toMatch(why);
    expect(await metrics()).toContain('membrane_otlp_flows_lost_total{reason="refused"} 2');
    expect(collector.asked).toHaveLength(1);
  });

  it('are taken in part: the rest is counted, and not sent again', async () => {
    collector.next.push(take(2, 'too old'));
    const { standing, counts } = await open(to());
    hub.publish({}, {}, {});
    await eventually(() => expect(standing().problems.join()).toMatch(/2 of 3 were refused: too old; 2 lost/));
    expect(await counts()).toEqual({ sent: 1, lost: 2 });
    expect(collector.asked).toHaveLength(1);
    hub.publish({});
    await eventually(() => expect(standing().problems).toEqual([]));
    expect(await counts()).toEqual({ sent: 2, lost: 2 });
  });

  it('are counted where nobody is there for long, and sent when somebody is', async () => {
    const { port } = collector;
    await collector[Symbol.asyncDispose]();
    const { standing, metrics, counts } = await open({ endpoint: `http://127.0.0.1:${port}` });
    hub.publish({}, {});
    await eventually(async () =>
      expect(await metrics()).toContain('membrane_otlp_flows_lost_total{reason="unreachable"} 2'),
    );
    expect(standing().problems.join()).toMatch(/ECONNREFUSED.*; 2 lost/);
    expect(elapsed).toBeLessThanOrEqual(300_000);
    collector = await new HttpCollector().listen(port);
    hub.publish({});
    await eventually(() => expect(standing().problems).toEqual([]));
    expect(await counts()).toEqual({ sent: 1, lost: 2 });
  });

  it('wait for no collector: what was wanted is sent or counted', async () => {
    const answered = Promise.withResolvers<void>();
    hub = new TestHub({ readerQueue: 8 });
    collector.next.push((...asked) => void answered.promise.then(() => take()(...asked)));
    const { counts, standing } = await open(to());
    hub.publish({});
    await eventually(() => expect(collector.asked).toHaveLength(1));
    for (let sent = 1; sent < 1_000; sent += 1) hub.publish({});
    answered.resolve();
    await eventually(async () => {
      const { sent, lost } = await counts();
      expect(sent + lost).toBe(1_000);
    });
    expect((await counts()).lost).toBeGreaterThanOrEqual(1_000 - 1 - 256 - 8);
    expect(standing().problems).toEqual([]);
    const flows = collector.flows.filter(({ event }) => event === 'membrane.flow');
    expect(flows).toHaveLength((await counts()).sent);
  });

  it('give up on an answer that does not come, and send the same once more', async () => {
    collector.next.push(() => undefined);
    const { standing, counts } = await open({ ...to(), timeoutSeconds: 1 });
    hub.publish({});
    await eventually(() => expect(standing().fine).toContain('1 flows sent'));
    expect(collector.asked).toHaveLength(2);
    expect(await counts()).toEqual({ sent: 1, lost: 0 });
  });

  it('are sent before the agent ends', async () => {
    const { standing, counts } = await open(to());
    hub.publish({});
    await eventually(() => expect(standing().fine).toContain('1 flows sent'));
    // Not a second after the first: these wait for others.
    hub.publish({}, {});
    await lifecycle.stop();
    expect(await counts()).toEqual({ sent: collector.flows.length, lost: 0 });
  });

  it('go with the headers of a file, as it is now', async () => {
    const headersFile = join(folder, 'headers');
    writeFileSync(headersFile, '# of the collector\nAuthorization: Bearer a\nx-scope:b\n');
    const { standing } = await open({ ...to(), headersFile });
    hub.publish({});
    await eventually(() => expect(standing().fine).toContain('1 flows sent'));
    expect(collector.asked[0]?.headers).toMatchObject({ authorization: 'Bearer a', 'x-scope': 'b' });
    writeFileSync(headersFile, 'secret words\n');
    hub.publish({});
    await eventually(() => expect(standing().problems.join()).toMatch(/line 1 is no "name: value"/));
    expect(standing().problems.join()).not.toContain('secret');
    writeFileSync(headersFile, 'authorization: Bearer c\n');
    await eventually(async () => {
      hub.publish({});
      expect(standing().problems).toEqual([]);
    });
    expect(collector.asked.at(-1)?.headers).toMatchObject({ authorization: 'Bearer c' });
  });
});

describe('flows to a collector over gRPC', () => {
  let collector: GrpcCollector;
  beforeEach(async () => {
    collector = await new GrpcCollector().listen();
  });
  afterEach(async () => {
    await lifecycle.stop();
    await collector[Symbol.asyncDispose]();
  });
  const to = () => ({ protocol: 'grpc', endpoint: `http://127.0.0.1:${collector.port}` });
  const fail =
    (code: Code, delay?: bigint): (() => Promise<number>) =>
    async () => {
      const value = create(RetryInfoSchema, delay === undefined ? {} : { retryDelay: { seconds: delay } });
      throw new ConnectError('no', code, undefined, delay === undefined ? [] : [{ desc: RetryInfoSchema, value }]);
    };

  it('are the same', async () => {
    const headersFile = join(folder, 'headers');
    writeFileSync(headersFile, 'authorization: Bearer a\n');
    const { standing } = await open({ ...to(), headersFile, compression: 'gzip' });
    hub.publish({}, { ...DROPPED });
    await eventually(() => expect(standing().fine).toContain('2 flows sent'));
    expect(collector.asked[0]).toMatchObject({
      headers: { authorization: 'Bearer a' },
      resource: { 'k8s.node.name': 'node-1' },
      records: [{ severity: '9 INFO' }, { severity: '13 WARN' }],
    });
  });

  it('are sent again where the collector may take them later', async () => {
    const again = [
      Code.Canceled,
      Code.DeadlineExceeded,
      Code.Aborted,
      Code.OutOfRange,
      Code.Unavailable,
      Code.DataLoss,
    ];
    collector.next.push(
      ...again.map((code) => fail(code)),
      fail(Code.ResourceExhausted, 17n),
      fail(Code.Unavailable, 19n),
    );
    const { standing, counts } = await open(to());
    hub.publish({}, {});
    await eventually(() => expect(standing().fine).toContain('2 flows sent'));
    expect(collector.asked).toHaveLength(9);
    expect(waited.slice(-2)).toEqual([
      expect.toSatisfy((ms: number) => ms >= 17_000),
      expect.toSatisfy((ms: number) => ms >= 19_000),
    ]);
    expect(await counts()).toEqual({ sent: 2, lost: 0 });
  });

  it.each([
    Code.Unknown,
    Code.InvalidArgument,
    Code.NotFound,
    Code.AlreadyExists,
    Code.PermissionDenied,
    Code.Unauthenticated,
    Code.ResourceExhausted,
    Code.FailedPrecondition,
    Code.Unimplemented,
    Code.Internal,
  ])('are not sent again for code %i', async (code) => {
    collector.next.push(fail(code));
    const { standing, counts } = await open(to());
    hub.publish({}, {});
    await eventually(() => expect(standing().problems).toMatchObject([expect.stringMatching(/; 2 lost$/)]));
    expect(standing().problems[0]).toContain(`gRPC ${Code[code]}: no`);
    expect(await counts()).toEqual({ sent: 0, lost: 2 });
    expect(collector.asked).toHaveLength(1);
  });

  it('are taken in part', async () => {
    collector.next.push(async () => 2);
    const { counts } = await open(to());
    hub.publish({}, {}, {});
    await eventually(async () => expect(await counts()).toEqual({ sent: 1, lost: 2 }));
  });

  it('are sent when a collector is there again', async () => {
    const { port } = collector;
    const { standing, counts } = await open({ ...to(), timeoutSeconds: 1 });
    hub.publish({});
    await eventually(() => expect(standing().fine).toContain('1 flows sent'));
    await collector[Symbol.asyncDispose]();
    hub.publish({});
    await eventually(() => expect(standing().problems).toHaveLength(1));
    collector = await new GrpcCollector().listen(port);
    let published = 2;
    await eventually(() => {
      hub.publish({});
      published += 1;
      expect(standing().problems).toEqual([]);
    });
    await eventually(async () => {
      const { sent, lost } = await counts();
      expect(sent + lost).toBe(published);
      expect(sent).toBe(collector.flows.length + 1);
    });
  });

  it('are refused by what speaks something else, and by who says nothing', async () => {
    const other = await new HttpCollector().listen();
    const { standing } = await open({ ...to(), endpoint: `http://127.0.0.1:${other.port}`, timeoutSeconds: 1 });
    hub.publish({});
    await eventually(() => expect(standing().problems).toHaveLength(1));
    await lifecycle.stop();
    await other[Symbol.asyncDispose]();
  });
});

describe('an agent', () => {
  it.each([
    [{ endpoint: 'http://192.0.2.1:4318' }, 'E_AGENT_OTLP_PLAIN', /192\.0\.2\.1/],
    [{ endpoint: 'http://localhost:4318' }, 'E_AGENT_OTLP_PLAIN', /localhost/],
    [{ endpoint: 'https://x:4318', allow: [{ verdicts: [] }] }, 'E_AGENT_EXPORT', /verdicts/],
    [{ endpoint: 'https://x:4318', fieldMask: ['pod'] }, 'E_AGENT_EXPORT', /no field "pod"/],
    [{ endpoint: 'x:4318' }, 'E_AGENT_CONFIG', /otlp\.endpoint/],
    [{ endpoint: 'https://user:word@x:4318' }, 'E_AGENT_CONFIG', /otlp\.endpoint/],
    [{ endpoint: 'https://x:4317/v1/logs', protocol: 'grpc' }, 'E_AGENT_CONFIG', /gRPC has no path/],
    [{ endpoint: 'https://x:4318', certFile: '/a' }, 'E_AGENT_CONFIG', /go together/],
  ])('does not start with %j', async (otlp, code, why) => {
    const opening = (async () =>
      await openExport(
        { config: parseConfig({ nodeName: 'node-1', otlp }), registry: createRegistry(), log: silentLogger, clock },
        hub,
      ))();
    await expect(opening).rejects.toMatchObject({ code, message: expect.stringMatching(why) as string });
  });
});
