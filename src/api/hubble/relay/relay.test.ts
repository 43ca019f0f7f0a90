import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Lifecycle, silentLogger, systemClock } from '../../../base/index.ts';
import { TestHub } from '../../../observe/testkit.ts';
import { milliseconds } from '../flow-message.ts';
import { type GetFlowsRequestSchema, Observer } from '../gen/observer/observer_pb.js';
import { Peer } from '../gen/peer/peer_pb.js';
import { NodeState } from '../gen/relay/relay_pb.js';
import { HubbleServer } from '../hubble-server.ts';
import { nodeTeller } from '../node-teller.ts';
import type { HubblePeer } from '../source.ts';
import { loneNode } from '../testkit.ts';
import { NodeLinks } from './node-links.ts';
import { RelayCounts } from './relay-counts.ts';
import { relayTeller } from './relay-teller.ts';
import { TimeMerge } from './time-merge.ts';

describe('streams that become one', () => {
  const common = { timeOf: (n: number) => n, bytesOf: () => 1, holdMs: 0, wallNow: () => Number.POSITIVE_INFINITY };
  const MOST = 3;
  /** Some at a time, at times none. */
  const each = async function* (items: readonly number[]): AsyncGenerator<readonly number[]> {
    for (let [at, size] = [0, 1]; at < items.length; at += size, size = (size * 7 + 1) % 5) {
      await Promise.resolve();
      yield items.slice(at, at + size);
    }
  };

  it('is in order, with nothing missing, whoever says how much', async () => {
    const streams = fc.array(fc.array(fc.nat(1_000), { maxLength: 30 }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(streams, async (given) => {
        const sorted = given.map((items) => items.toSorted((a, b) => a - b));
        const merge = new TimeMerge<number>({ ...common, patienceMs: 60_000, now: () => 0 });
        const { signal } = new AbortController();
        const reading = sorted.map(async (items) => await merge.add(each(items), signal));
        const got: number[] = [];
        while (!merge.isOver) {
          const due = merge.take(MOST);
          expect(due.length).toBeLessThanOrEqual(MOST);
          got.push(...due);
          if (due.length === 0 && !merge.isOver) await merge.changed(signal);
        }
        await Promise.all(reading);
        expect(got).toEqual(sorted.flat().sort((a, b) => a - b));
      }),
    );
  });

  it('does not wait for ever for one that says nothing', async () => {
    let now = 0;
    const merge = new TimeMerge<number>({ ...common, patienceMs: 100, now: () => now });
    const stop = new AbortController();
    const silent = Promise.withResolvers<void>();
    const never = async function* (): AsyncGenerator<readonly number[]> {
      await silent.promise;
      yield [0];
    };
    const reading = [merge.add(each([1, 2, 3]), stop.signal), merge.add(never(), stop.signal)];
    await reading[0];
    expect(merge.take(MOST)).toEqual([]);
    now = 100;
    expect(merge.take(MOST)).toEqual([1, 2, 3]);
    silent.resolve();
    await reading[1];
    expect(merge.take(MOST)).toEqual([0]);
    expect(merge.isOver).toBe(true);
  });

  it.each([
    ['slow', -3_600_000],
    ['fast', 3_600_000],
  ])('holds up nobody for one whose clock is %s and who talks all the time, nor that one', async (_how, offBy) => {
    type Word = { readonly of: 'odd' | 'a' | 'b'; readonly time: number; readonly said: number };
    const BEGIN = 10_000_000;
    const HOLD = 500;
    let now = 0;
    const merge = new TimeMerge<Word>({
      timeOf: ({ time }) => time,
      bytesOf: () => 1,
      holdMs: HOLD,
      patienceMs: 0,
      now: () => now,
      wallNow: () => BEGIN + now,
    });
    const stop = new AbortController();
    const speakers = (['odd', 'a', 'b'] as const).map((of) => {
      let next = Promise.withResolvers<Word>();
      const words = async function* (): AsyncGenerator<readonly Word[]> {
        for (;;) yield [await next.promise];
      };
      void merge.add(words(), stop.signal);
      return (said: number): void => {
        const { resolve } = next;
        next = Promise.withResolvers();
        resolve({ of, said, time: BEGIN + said + (of === 'odd' ? offBy : 0) });
      };
    });
    const heard: Word[] = [];
    for (; now < 5_000; now += 100) {
      // What b says arrives a little later than it is said.
      for (const [index, say] of speakers.entries()) say(index === 2 ? now - 250 : now);
      await new Promise((resolve) => setImmediate(resolve));
      const due = merge.take(1_000);
      for (const { said } of due) expect(now - said, 'none waits for longer than all are held').toBeLessThan(2 * HOLD);
      heard.push(...due);
    }
    for (const of of ['odd', 'a', 'b']) expect(heard.filter((word) => word.of === of).length).toBeGreaterThan(40);
    const others = heard.filter(({ of }) => of !== 'odd').map(({ said }) => said);
    expect(others, 'the others are in order').toEqual(others.toSorted((a, b) => a - b));
  });

  it('gives what was held its turn beside one who says more of the past than can be told', async () => {
    let now = 0;
    const merge = new TimeMerge<number>({ ...common, holdMs: 500, patienceMs: 0, now: () => now });
    const stop = new AbortController();
    const flood = async function* (): AsyncGenerator<readonly number[]> {
      for (;;) yield [1];
    };
    void merge.add(flood(), stop.signal);
    void merge.add(each([1_000]), stop.signal);
    const heard: number[] = [];
    for (; now < 15_000; now += 100) {
      await new Promise((resolve) => setImmediate(resolve));
      heard.push(...merge.take(1_000));
    }
    stop.abort();
    expect(heard).toContain(1_000);
  });
});

type Node = {
  readonly hub: TestHub;
  readonly server: HubbleServer;
  readonly life: Lifecycle;
  readonly peer: HubblePeer;
};

describe('a relay', () => {
  let folder: string;
  let lifecycle: Lifecycle;
  let nodes: Map<string, Node>;
  let peers: HubblePeer[];
  let changed: Set<() => void>;
  let links: NodeLinks;
  let counts: RelayCounts;
  let relay: HubbleServer;
  let observer: Client<typeof Observer>;

  /** `as`: what it calls itself. */
  async function node(name: string, as = name): Promise<Node> {
    const hub = new TestHub({ node: as });
    const life = new Lifecycle({ log: silentLogger });
    const server = new HubbleServer({
      teller: async () =>
        nodeTeller(loneNode(hub, { node: as, peers: () => peers, onPeers: (call) => changed.add(call) })),
      socketPath: join(folder, `${name}.sock`),
      tcp: { host: '127.0.0.1', port: 0, isOpen: true },
      log: silentLogger,
    });
    await server.start(life);
    const made = { hub, server, life, peer: { name, address: `127.0.0.1:${server.port}` } };
    nodes.set(name, made);
    peers = [...peers.filter((peer) => peer.name !== name), made.peer];
    for (const call of changed) call();
    return made;
  }

  async function end(name: string): Promise<void> {
    const ended = nodes.get(name);
    nodes.delete(name);
    await ended?.life.stop();
    await ended?.server.stop();
  }

  const transport = () => createGrpcTransport({ baseUrl: `http://127.0.0.1:${relay.port}` });
  const connected = async (count: number) =>
    await expect.poll(async () => (await observer.serverStatus({})).numConnectedNodes).toBe(count);

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'membrane-relay-'));
    nodes = new Map();
    peers = [];
    changed = new Set();
    lifecycle = new Lifecycle({ log: silentLogger });
    for (const name of ['node-1', 'node-2', 'node-3']) await node(name);
    counts = new RelayCounts();
    links = new NodeLinks({
      peerService: join(folder, 'node-1.sock'),
      secrets: () => undefined,
      clock: systemClock,
      log: silentLogger,
    });
    relay = new HubbleServer({
      teller: async () => relayTeller(links, { version: '2', counts }),
      socketPath: undefined,
      tcp: { host: '127.0.0.1', port: 0, isOpen: true },
      log: silentLogger,
    });
    await lifecycle.start(links, relay);
    observer = createClient(Observer, transport());
    await connected(3);
  });
  afterEach(async () => {
    await lifecycle.stop();
    for (const name of nodes.keys()) await end(name);
    rmSync(folder, { recursive: true });
  });

  async function read(request: MessageInitShape<typeof GetFlowsRequestSchema>) {
    const flows: string[] = [];
    const news: string[] = [];
    for await (const { responseTypes, nodeName } of observer.getFlows(request)) {
      if (responseTypes.case === 'flow' && responseTypes.value.time !== undefined)
        flows.push(`${nodeName} ${milliseconds(responseTypes.value.time)}`);
      if (responseTypes.case === 'nodeStatus')
        news.push(
          `${NodeState[responseTypes.value.stateChange]} ${responseTypes.value.nodeNames.toSorted().join(' ')}`,
        );
    }
    return { flows, news };
  }
  const publish = (name: string, ...times: readonly number[]) =>
    nodes.get(name)?.hub.publish(...times.map((time) => ({ timestamp: time * 1e6 })));

  it("gives all nodes' flows in the order of time, the last and the first of all", async () => {
    publish('node-1', 1, 4, 7);
    publish('node-2', 2, 5, 8);
    publish('node-3', 3, 6, 9);
    const { flows, news } = await read({});
    expect(flows).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9].map((time) => `test/node-${((time - 1) % 3) + 1} ${time}`));
    expect(news).toEqual(['NODE_CONNECTED test/node-1 test/node-2 test/node-3']);
    expect((await read({ number: 2n })).flows).toEqual(['test/node-2 8', 'test/node-3 9']);
    expect((await read({ number: 2n, first: true })).flows).toEqual(['test/node-1 1', 'test/node-2 2']);
    expect((await read({ whitelist: [{ nodeName: ['node-2'] }] })).flows).toHaveLength(3);
    // Of nodes a node is asked; Hubble's client shows the words of gRPC only.
    const peersOf = Array.fromAsync(createClient(Peer, transport()).notify({}));
    await expect(peersOf).rejects.toMatchObject({
      code: Code.Unimplemented,
      rawMessage: expect.stringContaining('not served here') as string,
    });
    await expect(read({ whitelist: [{ sourceIp: ['nowhere'] }] })).rejects.toMatchObject({
      code: Code.InvalidArgument,
    });
  });

  it('says which nodes answer, and goes on without those that do not', async () => {
    publish('node-1', 1);
    publish('node-2', 2);
    await end('node-2');
    await connected(2);
    expect(await observer.serverStatus({})).toMatchObject({
      numFlows: 1n,
      numUnavailableNodes: 1,
      unavailableNodes: ['test/node-2'],
    });
    expect((await observer.getNodes({})).nodes.map(({ name, state }) => [name, state])).toEqual([
      ['test/node-1', NodeState.NODE_CONNECTED],
      ['test/node-2', NodeState.NODE_UNAVAILABLE],
      ['test/node-3', NodeState.NODE_CONNECTED],
    ]);
    await expect.poll(async () => (await read({})).news).toContain('NODE_UNAVAILABLE test/node-2');
    expect((await read({})).flows).toEqual(['test/node-1 1']);
  });

  it('follows, also nodes that come and go', async () => {
    const stop = new AbortController();
    const seen: string[] = [];
    const reading = (async () => {
      for await (const { responseTypes, nodeName } of observer.getFlows({ follow: true }, { signal: stop.signal })) {
        if (responseTypes.case === 'flow') seen.push(nodeName);
        if (responseTypes.case === 'nodeStatus')
          seen.push(`${NodeState[responseTypes.value.stateChange]} ${responseTypes.value.nodeNames.join(' ')}`);
      }
    })().catch((error: unknown) => ConnectError.from(error).code);
    const readers = (name: string) => nodes.get(name)?.hub.stats().readers;
    await expect.poll(() => readers('node-3')).toBe(1);
    publish('node-3', 1);
    await expect.poll(() => seen.at(-1)).toBe('test/node-3');
    await node('node-4');
    await expect.poll(() => readers('node-4')).toBe(1);
    publish('node-4', 2);
    await expect.poll(() => seen.at(-1)).toBe('test/node-4');
    expect(seen).toContain('NODE_CONNECTED test/node-4');
    peers = peers.filter(({ name }) => name !== 'node-4');
    for (const call of changed) call();
    await expect.poll(() => seen.at(-1)).toBe('NODE_GONE test/node-4');
    await expect.poll(() => readers('node-4')).toBe(0);
    stop.abort();
    expect(await reading).toBe(Code.Canceled);
    await expect.poll(() => readers('node-3')).toBe(0);
  });

  it('believes no node that speaks for another', async () => {
    await node('node-5', 'node-1');
    await connected(4);
    publish('node-5', 5);
    publish('node-1', 6);
    const { flows, news } = await read({});
    expect(flows).toEqual(['test/node-1 6']);
    expect(news).toContain('NODE_ERROR test/node-5');
    expect(counts).toMatchObject({ readers: 0, sent: 1, failures: { lie: 1, broken: 0 } });
    // There is room for so many at a time.
    counts.readers = 127;
    expect((await read({})).flows).toEqual(['test/node-1 6']);
    counts.readers = 128;
    await expect(read({})).rejects.toMatchObject({ code: Code.ResourceExhausted });
    expect(counts.readers).toBe(128);
  });
});
