import { type Event, encodeEvent } from '../datapath/gen/codecs.ts';
import { EVENT_RECORD } from '../datapath/index.ts';
import { type EndpointId, type IdentityId, type Ifindex, type RuleId } from '../model/index.ts';
import { parseAddr } from '../net/index.ts';
import { FlowHub, type FlowHubOptions } from './flow-hub.ts';
import { type NamesNow, PastNames } from './past-names.ts';

export type EventChange = { readonly [F in keyof Event]?: Event[F] | string | number | readonly number[] };

/** A connection of pod a/web to somebody on the same node. */
export const EVENT: Event = {
  timestamp: 5_000_000_000,
  source: parseAddr('10.244.1.2'),
  destination: parseAddr('10.244.1.3'),
  sourcePort: 40_000,
  destinationPort: 8080,
  sourceIdentity: 300 as IdentityId,
  destinationIdentity: 301 as IdentityId,
  sourceEndpoint: 1 as EndpointId,
  destinationEndpoint: 2 as EndpointId,
  rule: [9 as RuleId, 0 as RuleId],
  length: 60,
  ifindex: 7 as Ifindex,
  ethertype: 0x0800,
  type: 'open',
  reason: 'none',
  hook: 'to-pod',
  protocol: 6,
  tcpFlags: 0x12,
  isReply: false,
};

/** As the kernel writes it. */
export function recordOf(change: EventChange = {}): Uint32Array {
  return new Uint32Array(encodeEvent({ ...EVENT, ...(change as Partial<Event>) }).buffer);
}

/** Endpoint 1 is a/web; 10.244.2.9 with identity 400 is b/far. */
export const NAMES: NamesNow = {
  labels: (identity) => (identity === 300 ? ['k8s:app=web', 'k8s:team'] : undefined),
  endpoint: (id) => (id === 1 ? { namespace: 'a', pod: 'web' } : undefined),
  address: (addr, identity) => (addr === '10.244.2.9' && identity === 400 ? { namespace: 'b', pod: 'far' } : undefined),
  rule: (id) => (id === 9 ? 'NetworkPolicy a/p ingress[0]' : undefined),
  denial: () => undefined,
  shadow: () => undefined,
};

/** A hub that is given events instead of a ring. The boot clock began with the epoch; each event comes a millisecond later. */
export class TestHub extends FlowHub {
  #time = 0;

  constructor(options: Partial<Omit<FlowHubOptions, 'names'>> & { readonly names?: Partial<NamesNow> } = {}) {
    super({
      layout: EVENT_RECORD,
      node: 'node-1',
      clock: { now: () => this.now, toWall: (ns) => ns / 1e6, toBoot: (ms) => ms * 1e6 },
      storeSize: 4_096,
      ...options,
      names: new PastNames(EVENT_RECORD, { ...NAMES, ...options.names }),
    });
  }

  /** ms since the epoch. */
  get now(): number {
    return this.#time;
  }

  pass(ms: number): void {
    this.#time += ms;
  }

  publish(...changes: readonly EventChange[]): void {
    this.begin();
    for (const change of changes) {
      this.#time += 1;
      this.push(recordOf({ timestamp: this.#time * 1e6, ...change }), 0);
    }
  }
}
