import type { ConnectionView, TalksRequest, TalksView } from '../../api/index.ts';
import { namespacedName } from '../../base/index.ts';
import type { Flow, FlowEnd, FlowMessage } from '../../model/index.ts';
import type { FlowHub } from '../../observe/index.ts';

type Talk = TalksView['talks'][number];

export type TalksContext = {
  readonly node: string;
  /** ms since the epoch. */
  readonly startedAt: number;
  readonly hub: Pick<FlowHub, 'observe' | 'stats'>;
  readonly connections: (signal: AbortSignal) => AsyncIterable<readonly ConnectionView[]>;
  /** The namespace and name of a pod of this node. */
  readonly podOf: (endpoint: number) => { readonly namespace: string; readonly name: string } | undefined;
};

/** Who talked with pods of a namespace at this node: what is stored since then, and what is open now. */
export async function talks({ namespace, since }: TalksRequest, context: TalksContext): Promise<TalksView> {
  const { node, startedAt, hub, connections, podOf } = context;
  const signal = new AbortController().signal;
  const found = new Map<string, Talk>();
  let lost = 0;
  let oldest = startedAt;
  if (hub.stats().lost.store > 0) {
    for await (const group of hub.observe({ first: 1 }, signal)) {
      for (const message of group) if (message.kind === 'flow') oldest = Math.max(oldest, message.flow.time);
    }
  }
  const query = { since, filter: { namespace: [namespace], verdict: ['forwarded' as const] } };
  for await (const group of hub.observe(query, signal)) {
    for (const message of group) {
      if (message.kind === 'lost') lost += countedLoss(message);
      else add(found, talkOf(message.flow));
    }
  }
  const now = Date.now();
  for await (const group of connections(signal)) {
    for (const { source, destination, protocol, current } of group) {
      const ends = [source, destination].map((end) => ({ ...end, pod: podOf(end.endpoint) }));
      if (!current || !ends.some(({ pod }) => pod?.namespace === namespace)) continue;
      const [opener, responder] = ends.map(({ identity, addr, pod }) => ({
        identity,
        addr,
        ...(pod === undefined ? {} : { pod: namespacedName(pod) }),
      }));
      if (opener === undefined || responder === undefined) continue;
      const port = hasPort(protocol) ? { port: destination.port } : {};
      // What was seen to open is counted already.
      add(found, { opener, responder, protocol, ...port, connections: 1, first: now, last: now }, true);
    }
  }
  return { node, since: Math.max(since, oldest), lost, talks: [...found.values()] };
}

/** Of the store nothing that was asked for: it says how much is older. */
function countedLoss(message: Extract<FlowMessage, { kind: 'lost' }>): number {
  return message.place === 'store' ? 0 : message.count;
}

const hasPort = (protocol: string): boolean => protocol === 'TCP' || protocol === 'UDP' || protocol === 'SCTP';

function talkOf({ source, destination, isReply, protocol, time, type }: Flow): Talk {
  const [opener, responder] = isReply ? [destination, source] : [source, destination];
  const port = hasPort(protocol) && responder.port !== undefined ? { port: responder.port } : {};
  const connections = type === 'open' ? 1 : 0;
  return {
    opener: endOf(opener),
    responder: endOf(responder),
    protocol,
    ...port,
    connections,
    first: time,
    last: time,
  };
}

function endOf({ identity, addr, namespace, pod }: FlowEnd): Talk['opener'] {
  return {
    identity,
    addr,
    ...(namespace === undefined || pod === undefined ? {} : { pod: namespacedName({ namespace, name: pod }) }),
  };
}

function add(found: Map<string, Talk>, talk: Talk, isKnown = false): void {
  const name = ({ identity, addr, pod }: Talk['opener']): string =>
    pod === undefined ? `${identity} ${addr}` : `${identity}`;
  const key = `${name(talk.opener)}>${name(talk.responder)} ${talk.protocol} ${talk.port ?? ''}`;
  const known = found.get(key);
  if (known === undefined) {
    found.set(key, talk);
    return;
  }
  known.connections += isKnown ? 0 : talk.connections;
  known.first = Math.min(known.first, talk.first);
  known.last = Math.max(known.last, talk.last);
}
