import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClusterFlows } from '../api/hubble/cluster-flows.ts';
import { loneNode } from '../api/hubble/testkit.ts';
import { openNodeTeller } from '../api/server.ts';
import { systemClock, Turns } from '../base/index.ts';
import { type FlowDenial, HIDDEN_PEER } from '../model/index.ts';
import { type AccessQuestion, Rights } from '../observe/index.ts';
import { TestHub } from '../observe/testkit.ts';
import { ClusterReading } from './cluster-reading.ts';
import { parseQuery } from './query.ts';
import { podOf, serviceOf } from './test-cluster.ts';
import { viewStream } from './view-stream.ts';

/** Of identity and endpoint; 0 is the world. Tenants have two namespaces each. The last is always seen: its flow says that all came. */
const PLACES = [1, 2, 3, 4, 5, 6, 7] as const;
const LAST = 7;
const IDENTITY = 300;
const tenantOf = (place: number): number => Math.ceil(place / 2);

type May = {
  readonly list: readonly boolean[];
  readonly get: readonly boolean[];
  readonly listTenant: readonly boolean[];
  readonly getTenant: readonly boolean[];
  readonly getAll: boolean;
};
type Said = {
  readonly source: number;
  readonly destination: number;
  readonly type: 'open' | 'close' | 'drop';
  readonly isReply: boolean;
  readonly protocol: number;
  readonly port: number;
  readonly otherPort: number;
};
type Case = {
  readonly may: May;
  readonly flows: readonly Said[];
  readonly unseen: readonly Said[];
  readonly query: string;
  /** Of each place: pods that are there. */
  readonly pods: readonly number[];
};

const SENTINEL: Said = {
  source: LAST,
  destination: LAST,
  type: 'open',
  isReply: false,
  protocol: 6,
  port: 1,
  otherPort: 30_000,
};

const sees = ({ list, listTenant }: May, place: number): boolean =>
  place === LAST || list[place] === true || listTenant[tenantOf(place)] === true;
const names = (may: May, place: number): boolean =>
  may.getAll || may.get[place] === true || may.getTenant[tenantOf(place)] === true;

/** Two worlds differ in everything that somebody may not know: who is there, what it is called, and what it does. */
class World {
  readonly #may: May;
  readonly #secret: string;
  readonly #hub: TestHub;

  constructor(may: May, secret: string) {
    this.#may = may;
    this.#secret = secret;
    this.#hub = new TestHub({
      storeSize: 256,
      names: {
        labels: (identity) =>
          identity < IDENTITY
            ? ['reserved:world']
            : [
                `k8s:app=${this.#called(identity - IDENTITY)}`,
                `k8s:io.kubernetes.pod.namespace=${this.#called(identity - IDENTITY)}`,
              ],
        endpoint: (id) => (id === 0 ? undefined : { namespace: this.#called(id), pod: `${this.#called(id)}-pod` }),
        rule: (id) => (id === 0 ? undefined : `NetworkPolicy ${this.#ruled(id)}/rule, ingress rule 0`),
        denial: ({ sourceEndpoint, destinationEndpoint, isReply }) =>
          isReply ? undefined : this.#denial(sourceEndpoint, destinationEndpoint),
      },
    });
  }

  /** Undefined: there was nothing then. */
  publish(flows: readonly (Said | undefined)[], at = 0): void {
    for (const [i, flow] of flows.entries()) {
      if (flow === undefined) continue;
      const { source, destination, type, isReply, protocol, port, otherPort } = flow;
      const [opener, other] = isReply ? [destination, source] : [source, destination];
      const ports = isReply ? [port, otherPort] : [otherPort, port];
      const hidesOpener = opener !== 0 && !sees(this.#may, opener) && !names(this.#may, opener);
      // The port that a hidden end chose is its own; that of what it opened is told.
      const chosen = hidesOpener ? otherPort + this.#secret.length : otherPort;
      this.#hub.publish({
        timestamp: (at + i + 1) * 1e6,
        source: this.#address(source),
        sourceIdentity: source === 0 ? 2 : IDENTITY + source,
        sourceEndpoint: source,
        destination: this.#address(destination),
        destinationIdentity: destination === 0 ? 2 : IDENTITY + destination,
        destinationEndpoint: destination,
        sourcePort: isReply ? (ports[0] ?? 0) : chosen,
        destinationPort: isReply ? chosen : (ports[1] ?? 0),
        rule: [other, opener],
        protocol,
        isReply,
        type,
        reason: type === 'drop' ? 'policy-ingress' : 'none',
        ifindex: this.#isWhole(source) && this.#isWhole(destination) ? 7 : 7 + this.#secret.length,
      });
    }
  }

  async told(query: string, coming: readonly (Said | undefined)[], pods: readonly number[]): Promise<string> {
    const called = new Map(PLACES.map((place) => [this.#called(place), place]));
    const { list, get, listTenant, getTenant, getAll } = this.#may;
    const source = loneNode(this.#hub, {
      rights: new Rights({
        ask: async (_, { verb, resource, namespace, name }: AccessQuestion) => {
          if (resource === 'tenants') return (verb === 'get' ? getTenant : listTenant)[Number(name.slice(-1))] === true;
          if (namespace === '') return verb === 'get' && getAll;
          if (called.get(namespace) === LAST) return verb !== 'get';
          return (verb === 'get' ? get : list)[called.get(namespace) ?? 0] === true;
        },
        tenantOf: (namespace) => `tenant-${tenantOf(called.get(namespace) ?? 0)}`,
        peers: () => HIDDEN_PEER,
        namespaces: () => called.keys(),
        clock: systemClock,
      }),
      inventory: async () => this.#inventory(pods),
    });
    const flows = new ClusterFlows(await openNodeTeller(source), undefined);
    const subject = { name: 'somebody', groups: [] };
    const reading = new ClusterReading(flows, { seesAll: false, subject, stillHolds: undefined }, TURNS);
    const request = { query: parseQuery(query), mutes: [], windowS: 900, until: 1_000 };
    const stream = viewStream({ reading, version: '1', hasLogin: true }, request, {
      leaving: new AbortController().signal,
      dismissed: new AbortController().signal,
    });
    const messages: unknown[] = [];
    try {
      for await (const told of stream) messages.push(...told.filter(({ kind }) => kind !== 'hello'));
    } catch (error) {
      messages.push(error instanceof Error ? error.message : error);
    }
    return JSON.stringify([messages, await this.#live(reading, coming)]);
  }

  /** Where he sees nothing there is something else in the other world, or nothing. */
  #inventory(pods: readonly number[]) {
    const there = PLACES.flatMap((place, i) => {
      const isSeen = sees(this.#may, place);
      const count = isSeen ? (pods[i] ?? 0) : (pods[i] ?? 0) * (this.#secret.length - 3);
      const called = this.#ruled(place);
      return Array.from({ length: count }, (_, n) => podOf(called, `${called}-pod-${n}`, `10.1.${place}.${n}`));
    });
    return {
      endpoints: there,
      services: PLACES.flatMap((place) => {
        const called = this.#ruled(place);
        // Slices are written by hand: one may name anybody's address.
        const backends = PLACES.map((other) => `10.1.${other}.0`);
        const problem = sees(this.#may, place) ? `${this.#secret}1 has it` : called;
        return sees(this.#may, place) || this.#secret === 'one'
          ? [serviceOf(called, `${called}-service`, { backends, problem })]
          : [];
      }),
      tenants: [...Map.groupBy(PLACES, tenantOf)].map(([tenant, places]) => ({
        name: places.every((place) => sees(this.#may, place)) ? `tenant-${tenant}` : `${this.#secret}${tenant}`,
        namespaces: places.map((place) => this.#ruled(place)),
        // Whoever else claims what is its own is named by that.
        ...(tenant % 2 === 0 ? { closed: `${this.#secret}1 claims it` } : {}),
      })),
      policies: this.#secret.length,
    };
  }

  /** What is stored, and what comes while somebody looks. */
  async #live(reading: ClusterReading, coming: readonly (Said | undefined)[]): Promise<unknown[]> {
    const told: unknown[] = [];
    const { promise: all, resolve, reject } = Promise.withResolvers<void>();
    const end = reading.live({
      flow: (flow) => {
        told.push(flow);
        if (flow.source.namespace === this.#called(LAST)) resolve();
      },
      lost: (place, count) => told.push([place, count]),
      ended: reject,
    });
    while (this.#hub.stats().readers === 0) await setImmediate();
    this.publish(coming, 100);
    this.publish([SENTINEL], 200);
    await all;
    end();
    while (this.#hub.stats().readers > 0) await setImmediate();
    return told;
  }

  /** Whose flows he may see, or nobody's. */
  #isWhole(place: number): boolean {
    return place === 0 || sees(this.#may, place);
  }

  #called(place: number): string {
    return sees(this.#may, place) || names(this.#may, place) ? `known${place}` : `${this.#secret}${place}`;
  }

  /** What is said of policies is said to who sees the pod's flows. */
  #ruled(place: number): string {
    return sees(this.#may, place) ? `known${place}` : `${this.#secret}${place}`;
  }

  #address(place: number): string {
    if (place === 0) return '192.0.2.7';
    return this.#called(place).startsWith('known') ? `10.0.0.${place}` : `10.${this.#secret.length}.9.${place}`;
  }

  #denial(source: number, destination: number): FlowDenial | undefined {
    if (destination === 0) return undefined;
    const [peer, own] = [source === 0 ? 'world' : this.#called(source), this.#ruled(destination)];
    return {
      direction: 'ingress',
      by: 'policies',
      policies: [`NetworkPolicy ${own}/rule`],
      reason: `${own} lets ${peer} not in`,
      nearestMiss: {
        policy: `NetworkPolicy ${own}/rule`,
        rule: 'ingress rule 0',
        wants: `not ${peer}`,
        because: `it is ${peer}`,
      },
    };
  }
}

const some = fc.array(fc.boolean(), { minLength: 7, maxLength: 7 });
const few = fc.array(
  fc.nat(3).map((n) => n === 0),
  { minLength: 7, maxLength: 7 },
);
const said = fc.record({
  source: fc.nat(6),
  destination: fc.nat(6),
  type: fc.constantFrom('open' as const, 'close' as const, 'drop' as const),
  isReply: fc.boolean(),
  protocol: fc.constantFrom(6, 17, 1, 132),
  port: fc.integer({ min: 1, max: 99 }),
  otherPort: fc.integer({ min: 30_000, max: 30_009 }),
});
const cases: fc.Arbitrary<Case> = fc.record({
  may: fc.record({ list: few, get: some, listTenant: few, getTenant: few, getAll: fc.nat(9).map((n) => n === 0) }),
  flows: fc.array(said, { minLength: 60, maxLength: 60 }),
  unseen: fc.array(said, { minLength: 5, maxLength: 20 }),
  pods: fc.array(fc.nat(2), { minLength: 7, maxLength: 7 }),
  query: fc.constantFrom(
    '',
    'verdict:dropped',
    'one',
    '-one',
    'another',
    '-ns:one3',
    'label:app=one2 or label:app=another2',
    'port:30003',
    '-port:30012,30014,30015',
    'policy:one',
    '-policy:another',
    'from:10.3.9.0/24',
    'identity:302',
  ),
});

const TURNS = new Turns({ most: 1, full: () => new Error('one asks') });

describe('what somebody may not see', () => {
  it('changes nothing of what a page is told: no flow, count, name, label, address, port or policy', {
    timeout: 240_000,
  }, async () => {
    let judged = 0;
    await fc.assert(
      fc.asyncProperty(cases, async ({ may, flows, unseen, query, pods }) => {
        // Stored, and as they come.
        judged += 2 * flows.length;
        const [one, other] = [new World(may, 'one'), new World(may, 'another')];
        // Of the other what he may see is the same at the same time, and all else is other flows, or none.
        const isSeen = ({ source, destination }: Said) =>
          [source, destination].some((place) => place !== 0 && sees(may, place));
        const hidden = unseen.filter((flow) => !isSeen(flow));
        const otherwise = flows.map((flow, i) => (isSeen(flow) ? flow : hidden[i % 20]));
        one.publish(flows);
        other.publish(otherwise);
        const [told, toldOther] = [await one.told(query, flows, pods), await other.told(query, otherwise, pods)];
        expect(told).toBe(toldOther);
        expect(told).not.toMatch(/one\d|another\d/);
      }),
      { numRuns: 90 },
    );
    expect(judged).toBeGreaterThanOrEqual(10_000);
  });
});
