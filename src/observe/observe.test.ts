import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FakeClock } from '../base/testkit.ts';
import { EVENT_RECORD } from '../datapath/index.ts';
import type { Flow, FlowFilter, FlowMessage } from '../model/index.ts';
import { BootClock } from './boot-clock.ts';
import { type DatapathEvent, decodeFlow, type FlowLookup } from './decode.ts';
import { compileFilter } from './filter.ts';
import type { FlowHub } from './flow-hub.ts';
import { RecordFlow } from './record-flow.ts';
import { EVENT, NAMES, recordOf, TestHub } from './testkit.ts';

const event: DatapathEvent = EVENT;
const lookup: FlowLookup = NAMES;
const decode = (change: Partial<DatapathEvent> = {}) =>
  decodeFlow({ ...event, ...change }, { node: 'node-1', lookup, toWall: (ns) => 1_000 + ns / 1e6 });

describe('decode', () => {
  test('an allowed connection, with what is known of both ends', () => {
    expect(decode()).toEqual({
      time: 6_000,
      node: 'node-1',
      type: 'open',
      verdict: 'forwarded',
      direction: 'ingress',
      source: {
        addr: '10.244.1.2',
        port: 40_000,
        identity: 300,
        labels: ['k8s:app=web', 'k8s:team'],
        namespace: 'a',
        pod: 'web',
        endpoint: 1,
      },
      destination: { addr: '10.244.1.3', port: 8080, identity: 301, labels: [], endpoint: 2 },
      protocol: 'TCP',
      tcpFlags: ['SYN', 'ACK'],
      rules: { ingress: 'NetworkPolicy a/p ingress[0]' },
      isReply: false,
      length: 60,
      ifindex: 7,
      hook: 'to-pod',
    });
  });

  test("an address names a pod only when the identity is that pod's", () => {
    const far = { source: '10.244.2.9', sourceEndpoint: 0 };
    expect(decode({ ...far, sourceIdentity: 400 }).source.pod).toBe('far');
    expect(decode({ ...far, sourceIdentity: 401 }).source.pod).toBeUndefined();
  });

  test.each<[Partial<DatapathEvent>, Partial<Flow>]>([
    [
      { type: 'drop', reason: 'spoofed-ip', hook: 'from-pod' },
      { verdict: 'dropped', dropReason: 'spoofed-ip', direction: 'egress' },
    ],
    [
      { type: 'drop', reason: 'no-backend', hook: 'socket' },
      { verdict: 'dropped', dropReason: 'no-backend', direction: 'egress' },
    ],
    [{ protocol: 1 }, { protocol: 'ICMP', tcpFlags: [] }],
    [{ protocol: 17 }, { protocol: 'UDP', tcpFlags: [] }],
    [{ protocol: 99 }, { protocol: '99' }],
    [
      { ethertype: 0x0806, protocol: 0 },
      { protocol: 'ARP', tcpFlags: [] },
    ],
    [
      { ethertype: 0x88cc, protocol: 6 },
      { protocol: '0x88cc', tcpFlags: [] },
    ],
    [{ ethertype: 0x86dd, protocol: 0 }, { protocol: 'IPv6' }],
    [{ rule: [0, 0] }, { rules: {} }],
    [{ rule: [0, 77] }, { rules: { egress: 'rule 77 (gone)' } }],
  ])('%j', (change, expected) => expect(decode(change)).toMatchObject(expected));

  test('ICMP has no ports', () => {
    expect(decode({ protocol: 1 }).destination).not.toHaveProperty('port');
  });
});

describe('a record that is read a field at a time', () => {
  const context = { node: 'node-1', lookup, toWall: (ns: number) => 1_000 + ns / 1e6 };
  const plain = (flow: Flow) => {
    const { time, node, type, verdict, dropReason, direction, protocol, tcpFlags, rules, denial } = flow;
    const { isReply, length, ifindex, hook } = flow;
    const [source, destination] = [flow.source, flow.destination].map((end) => {
      const { addr, port, identity, labels, namespace, pod, endpoint } = end;
      return { addr, port, identity, labels, namespace, pod, endpoint };
    });
    const rest = { time, node, type, verdict, dropReason, direction, source, destination, protocol, tcpFlags };
    return { ...rest, rules, denial, isReply, length, ifindex, hook };
  };

  test.each([
    {},
    { type: 'drop', reason: 'policy-egress', hook: 'from-pod' },
    { hook: 'socket', type: 'drop', reason: 'no-backend' },
    { sourceEndpoint: 0, source: '10.244.2.9', sourceIdentity: 400, isReply: true },
    { protocol: 1, destinationEndpoint: 0, destinationIdentity: 2 },
    { ethertype: 0x0806, protocol: 0 },
    { ethertype: 0x86dd, protocol: 0, rule: [0, 77] },
  ])('says what the whole of it says: %j', (change) => {
    const words = recordOf(change);
    const view = new DataView(words.buffer);
    const whole = decodeFlow(EVENT_RECORD.decode(view), context);
    expect(plain(new RecordFlow(EVENT_RECORD, context).to(view, 0))).toEqual(plain(whole));
  });
});

describe('filter', () => {
  const flow = decode();
  test.each<[FlowFilter, boolean]>([
    [{}, true],
    [{ fromPod: ['a/web'] }, true],
    [{ fromPod: ['a/'] }, true],
    [{ fromPod: ['b/web', 'a/web'] }, true],
    [{ fromPod: ['web'] }, false],
    [{ toPod: ['a/web'] }, false],
    [{ pod: ['a/web'] }, true],
    [{ namespace: ['a'] }, true],
    [{ namespace: ['b'] }, false],
    [{ fromLabel: ['k8s:app=web'] }, true],
    [{ fromLabel: ['app=web'] }, true],
    [{ fromLabel: ['app'] }, true],
    [{ fromLabel: ['team'] }, true],
    [{ fromLabel: ['app=we'] }, false],
    [{ fromLabel: ['ap'] }, false],
    [{ toLabel: ['app'] }, false],
    [{ fromIdentity: [300], toIdentity: [301] }, true],
    [{ fromIdentity: [301] }, false],
    [{ verdict: ['dropped'] }, false],
    [{ type: ['open', 'close'] }, true],
    [{ reason: ['policy-ingress'] }, false],
    [{ port: [8080] }, true],
    [{ port: [40_000] }, true],
    [{ port: [80] }, false],
    [{ protocol: ['tcp'] }, true],
    [{ protocol: ['udp'] }, false],
    [{ protocol: ['tcp'], port: [80] }, false],
    [{ protocol: [] }, true],
  ])('%j: %s', (filter, expected) => expect(compileFilter(filter)?.(flow) ?? true).toBe(expected));
});

const numbered = (length: number) => ({ length });
const numbers = (messages: readonly FlowMessage[]) =>
  messages.map((message) => (message.kind === 'flow' ? message.flow.length : `${message.place}:${message.count}`));

async function first(hub: FlowHub, query: Parameters<FlowHub['observe']>[0]): Promise<(number | string)[]> {
  const all: (number | string)[] = [];
  for await (const messages of hub.observe(query, AbortSignal.timeout(60_000))) all.push(...numbers(messages));
  return all;
}

describe('hub', () => {
  test('the last flows, oldest first, and how many are no longer kept', async () => {
    const hub = new TestHub({ storeSize: 4 });
    hub.publish(...[1, 2, 3].map(numbered));
    expect(await first(hub, { last: 2 })).toEqual([2, 3]);
    hub.publish(...[4, 5, 6].map(numbered));
    expect(await first(hub, { last: 2 })).toEqual([5, 6]);
    expect(await first(hub, { last: 9 })).toEqual(['store:2', 3, 4, 5, 6]);
    expect(await first(hub, {})).toEqual([]);
    expect(hub.stats()).toEqual({
      seen: 6,
      stored: 4,
      capacity: 4,
      readers: 0,
      lost: { kernel: 0, store: 2, reader: 0 },
    });
  });

  test('loss in the kernel stands where it happened, for those who come later too', async () => {
    const hub = new TestHub();
    hub.publish(numbered(1));
    hub.recordKernelLoss(7);
    hub.recordKernelLoss(0);
    hub.publish(numbered(2));
    expect(await first(hub, { last: 9 })).toEqual([1, 'kernel:7', 2]);
  });

  test('a follower gets the stored ones, then what comes: none twice, none missing', async () => {
    const hub = new TestHub();
    hub.publish(numbered(1), numbered(2));
    const stop = new AbortController();
    const seen: (number | string)[] = [];
    for await (const messages of hub.observe({ last: 1, follow: true }, stop.signal)) {
      seen.push(...numbers(messages));
      if (seen.length < 4) hub.publish(numbered(seen.length + 2));
      else stop.abort();
    }
    expect(seen).toEqual([2, 3, 4, 5]);
    expect(hub.stats().readers).toBe(0);
  });

  test('a follower that waits ends when told to', async () => {
    const hub = new TestHub();
    const stop = new AbortController();
    const reading = hub.observe({ follow: true }, stop.signal).next();
    stop.abort();
    expect(await reading).toEqual({ done: true, value: undefined });
    expect(hub.stats().readers).toBe(0);
  });

  test('a slow reader loses flows, is told exactly how many, and holds nobody up', async () => {
    const hub = new TestHub({ readerQueue: 3 });
    const reading = hub.observe({ follow: true }, AbortSignal.timeout(60_000));
    const started = reading.next();
    hub.publish(...[1].map(numbered));
    expect(numbers((await started).value ?? [])).toEqual([1]);
    hub.publish(...[2, 3, 4, 5, 6].map(numbered));
    hub.recordKernelLoss(9);
    hub.recordKernelLoss(1);
    expect(hub.stats().lost).toEqual({ kernel: 10, store: 0, reader: 2 });
    expect(numbers((await reading.next()).value ?? [])).toEqual([2, 3, 4, 'kernel:10', 'reader:2']);
    hub.publish(numbered(7));
    expect(numbers((await reading.next()).value ?? [])).toEqual([7]);
    await reading.return(undefined);
    expect(hub.stats()).toMatchObject({ readers: 0, lost: { reader: 2 } });
  });

  test('flows that a reader does not want take none of its room', async () => {
    const hub = new TestHub({ readerQueue: 1 });
    const reading = hub.observe({ follow: true, filter: { verdict: ['dropped'] } }, AbortSignal.timeout(60_000));
    const started = reading.next();
    hub.publish(numbered(1), numbered(2), { ...numbered(3), type: 'drop' });
    expect(numbers((await started).value ?? [])).toEqual([3]);
    expect(hub.stats().lost.reader).toBe(0);
  });

  test('received + lost = published, whatever the sizes and the pace', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 5 }), fc.array(fc.nat(8)), async (readerQueue, bursts) => {
        const hub = new TestHub({ readerQueue });
        const stop = new AbortController();
        let got = 0;
        let lost = 0;
        const reading = (async () => {
          for await (const messages of hub.observe({ follow: true }, stop.signal)) {
            for (const message of messages) {
              if (message.kind === 'flow') got += 1;
              else lost += message.count;
            }
          }
        })();
        await Promise.resolve();
        let published = 0;
        for (const size of bursts) {
          hub.publish(...Array.from({ length: size }, () => numbered(0)));
          published += size;
          if (size % 2 === 0) await Promise.resolve();
        }
        await new Promise((resolve) => setImmediate(resolve));
        stop.abort();
        await reading;
        expect(got + lost).toBe(published);
      }),
    );
  });
});

describe('what is stored', () => {
  const until = AbortSignal.timeout(60_000);
  const all = async (hub: FlowHub, query: Parameters<FlowHub['observe']>[0]): Promise<FlowMessage[]> => {
    const messages: FlowMessage[] = [];
    for await (const group of hub.observe(query, until)) messages.push(...group);
    return messages;
  };

  test('has the names that held when it came', async () => {
    let web = 'web';
    let labels = ['k8s:app=web'];
    let policy = 'NetworkPolicy a/p ingress[0]';
    const names = {
      endpoint: (id: number) => (id === 1 ? { namespace: 'a', pod: web } : undefined),
      labels: () => labels,
      rule: () => policy,
    };
    const hub = new TestHub({ names });
    hub.publish(numbered(1));
    hub.pass(1_000);
    web = 'heir';
    labels = ['k8s:app=heir'];
    policy = 'NetworkPolicy a/q ingress[0]';
    hub.publish(numbered(2));
    const flows = (await all(hub, { last: 9 })).flatMap((message) => (message.kind === 'flow' ? [message.flow] : []));
    expect(flows.map(({ source, rules }) => [source.pod, source.labels, rules.ingress])).toEqual([
      ['web', ['k8s:app=web'], 'NetworkPolicy a/p ingress[0]'],
      ['heir', ['k8s:app=heir'], 'NetworkPolicy a/q ingress[0]'],
    ]);
    expect(numbers(await all(hub, { last: 9, filter: { fromPod: ['a/web'] } }))).toEqual([1]);
  });

  test('says of a denied packet what was in force when it came', async () => {
    let reason = 'then';
    const denial = () => ({ direction: 'ingress', by: 'policies', policies: [], reason }) as const;
    const hub = new TestHub({ names: { denial } });
    hub.publish({ type: 'drop', reason: 'policy-ingress' });
    hub.pass(1_000);
    reason = 'now';
    hub.publish({ type: 'drop', reason: 'policy-ingress' });
    const [first] = await all(hub, { last: 2 });
    expect(first).toMatchObject({ flow: { denial: { reason: 'then', judged: 'then' } } });
  });

  test('is what a walk over all of it would find, by time, number and namespace', async () => {
    const events = fc.array(fc.record({ pod: fc.nat(5), time: fc.nat(40) }), { maxLength: 200 });
    const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined });
    const bound = maybe(fc.nat(45));
    const asked = fc.record({
      since: bound,
      until: bound,
      last: maybe(fc.nat(30)),
      first: maybe(fc.nat(30)),
      namespace: maybe(fc.nat(3)),
    });
    const names = { endpoint: (id: number) => ({ namespace: `n${id % 3}`, pod: `p${id}` }) };
    await fc.assert(
      fc.asyncProperty(events, asked, fc.constantFrom(300, 20_000), async (sent, query, storeSize) => {
        const { first, last, ...range } = query;
        if (first !== undefined && last !== undefined) return;
        const hub = new TestHub({ names, storeSize });
        const kept = sent.map(({ pod, time }, length) => ({ pod: pod + 1, time, length }));
        for (const { pod, time, length } of kept)
          hub.publish({ sourceEndpoint: pod, destinationEndpoint: 0, timestamp: time * 1e6, length, hook: 'from-pod' });
        const inRange = ({ time }: { time: number }) =>
          time >= (range.since ?? 0) && time <= (range.until ?? Number.POSITIVE_INFINITY);
        const isMeant = ({ pod }: { pod: number }) => query.namespace === undefined || pod % 3 === query.namespace % 3;
        const wanted = kept.filter((one) => inRange(one) && isMeant(one)).sort((a, b) => a.time - b.time);
        const filter = query.namespace === undefined ? {} : { namespace: [`n${query.namespace % 3}`] };
        const found = await all(hub, { ...query, filter });
        const times = found.flatMap((message) => (message.kind === 'flow' ? [message.flow.time] : []));
        const expected =
          last !== undefined
            ? wanted.slice(Math.max(0, wanted.length - last))
            : first !== undefined
              ? wanted.slice(0, first)
              : range.since === undefined && range.until === undefined
                ? []
                : wanted;
        expect(times).toEqual(expected.map(({ time }) => time));
      }),
      { numRuns: 400 },
    );
  });

  test('is bounded, and so are readers', async () => {
    const hub = new TestHub({ maxReaders: 2 });
    const open = [1, 2].map(() => hub.observe({ follow: true }, until));
    const waiting = open.map(async (reading) => await reading.next());
    await expect(hub.observe({ follow: true }, until).next()).rejects.toMatchObject({ code: 'E_OBSERVE_READERS' });
    hub.publish(numbered(1));
    await Promise.all(waiting);
    await Promise.all(open.map(async (reading) => await reading.return(undefined)));
    expect(hub.stats().readers).toBe(0);
  });

  test('a record with a number that has no name yet is no flow, and counted', async () => {
    const hub = new TestHub();
    const words = recordOf();
    new DataView(words.buffer).setUint8(EVENT_RECORD.offsets.hook, 200);
    hub.push(words, 0);
    expect(hub.stats()).toMatchObject({ seen: 0, stored: 0, lost: { kernel: 1 } });
  });

  test('a reader is told of what left the store before he read it', async () => {
    const hub = new TestHub({ storeSize: 2 });
    const reading = hub.observe({ follow: true }, until);
    const started = reading.next();
    hub.publish(numbered(1));
    await started;
    hub.publish(...[2, 3, 4, 5].map(numbered));
    expect(numbers((await reading.next()).value ?? [])).toEqual(['reader:2', 4, 5]);
    await reading.return(undefined);
    expect(hub.stats().lost.reader).toBe(2);
  });
});

describe('boot clock', () => {
  test('finds the moment of boot to the millisecond although the kernel counts hundredths', async () => {
    const clock = new FakeClock(1_000_000_007);
    const uptimeSeconds = () => Math.floor((clock.now() - 1_000_000_000) / 10) / 100;
    const boot = new BootClock({ clock, uptimeSeconds });
    for (let i = 0; i < 40; i += 1) {
      boot.toWall(0);
      await clock.advance(1_001);
    }
    expect(Math.abs(boot.toWall(0) - 1_000_000_000)).toBeLessThan(3);
    expect(boot.toWall(5e9)).toBeCloseTo(boot.toWall(0) + 5_000, 0);
  });

  test('follows a wall clock that is set', async () => {
    const clock = new FakeClock(1_000);
    const boot = new BootClock({ clock, uptimeSeconds: () => 1 });
    expect(boot.toWall(0)).toBe(0);
    await clock.advance(3_600_000);
    expect(boot.toWall(0)).toBe(3_600_000);
  });
});
