import { openHub } from '../../src/agent/flows/flows.ts';
import { PolicyTally } from '../../src/agent/tally/policy-tally.ts';
import { EVENT_RECORD } from '../../src/datapath/index.ts';
import type { DatapathEvent, FlowHub } from '../../src/observe/index.ts';
import { recordOf } from '../../src/observe/testkit.ts';

/** One of which little is seen, and long ago. */
export const RARE = 251;
/** Of a node that is full. */
export const PODS = 250;
export const NAMESPACES = 25;
export const RECORDS = 4_096;

const systemClock = { now: () => Date.now(), elapsed: () => performance.now(), sleep: async () => undefined };
const podOf = (id: number) => ({ namespace: `tenant-${id % NAMESPACES}`, pod: `pod-${id}` });

/** What an agent that knows its pods keeps. */
export function newHub(storeSize: number, node = 'node-1'): FlowHub {
  const labels = new Map(
    Array.from({ length: PODS }, (_, id) => [300 + id, [`k8s:app=app-${id}`, `k8s:io.kubernetes.pod.name=pod-${id}`]]),
  );
  const names = {
    labels: (identity: number) => labels.get(identity),
    endpoint: (id: number) => (id === RARE ? { namespace: 'rare', pod: 'rare' } : podOf(id)),
    address: () => undefined,
    rule: (id: number) => `NetworkPolicy tenant-${id % NAMESPACES}/allow ingress[0]`,
    denial: (_event: DatapathEvent) => undefined,
    shadow: () => undefined,
  };
  // As in an agent: metrics count of each what policy said of it.
  const tally = new PolicyTally({
    most: 256,
    keepMs: 1_000,
    now: () => performance.now(),
    layout: EVENT_RECORD,
    origin: () => undefined,
    hasPolicy: () => true,
    namespaceOf: () => undefined,
    namespaces: () => new Set(),
    membership: () => {
      throw new Error('no rule has an origin');
    },
  });
  const onRecord = (view: DataView, at: number): void => tally.see(view, at);
  return openHub({ node, storeSize, clock: systemClock, names, onRecord });
}

/** Connections that open and close, one after the other, of all pods. Laid out as in the ring. */
export function traffic(): { readonly words: Uint32Array; readonly size: number } {
  const all = Array.from({ length: RECORDS }, (_, index) => {
    const from = 1 + ((index >> 1) % PODS);
    const to = 1 + ((from * 7) % PODS);
    return recordOf({
      timestamp: 1e15 + index * 1_000,
      source: `10.244.1.${from % 250}`,
      destination: `10.244.1.${to % 250}`,
      sourcePort: 1_024 + index,
      sourceEndpoint: from,
      destinationEndpoint: to,
      sourceIdentity: 300 + from,
      destinationIdentity: 300 + to,
      type: index % 2 === 0 ? 'open' : 'close',
      hook: 'from-pod',
    });
  });
  const size = all[0]?.length ?? 0;
  const words = new Uint32Array(RECORDS * size);
  for (const [index, record] of all.entries()) words.set(record, index * size);
  return { words, size };
}
