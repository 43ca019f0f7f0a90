import type { ConnectionView } from '../../api/index.ts';
import {
  type Connection,
  type ConntrackMap,
  connectionOf,
  type EndpointWords,
  monotonicTick,
} from '../../datapath/index.ts';
import { type EndpointId, formatOrigin, type RuleId } from '../../model/index.ts';
import { protocolName } from '../../net/index.ts';
import type { PolicyRepository } from '../../policy/index.ts';

type Entry = Awaited<ReturnType<ConntrackMap['entries']>>[number];

const GROUP = 256;

/** By what a connection is told: whose words stand, and what rules are called. */
type Context = { readonly words: EndpointWords; readonly repository: PolicyRepository };

/** A walk over the kernel's table. */
export async function* connectionViews(
  map: ConntrackMap,
  context: Context,
  signal: AbortSignal,
): AsyncGenerator<ConnectionView[]> {
  const tick = monotonicTick();
  const entries = await map.entries();
  for (let start = 0; start < entries.length && !signal.aborted; start += GROUP) {
    const group = entries.slice(start, start + GROUP);
    yield group.map(([key, entry]) => viewOf(connectionOf(key, entry, tick), entry, context));
  }
}

function viewOf(c: Connection, entry: Entry[1], { words, repository }: Context): ConnectionView {
  const current = entry.endpoint.every((endpoint, side) => entry.stamp[side] === stampOf(words, endpoint));
  const rule = (id: RuleId): string | undefined => {
    const origin = repository.rules.get(id);
    return origin === undefined ? undefined : formatOrigin(origin);
  };
  const [ingress, egress] = entry.rule.map(rule);
  return {
    protocol: protocolName(c.protocol),
    source: c.source,
    destination: c.destination,
    current,
    replied: c.flags.includes('replied'),
    closing: c.flags.includes('closing'),
    midstream: c.flags.includes('midstream'),
    ...(c.natPort === 0 ? {} : { natPort: c.natPort }),
    expiresInSeconds: c.expiresIn,
    rules: { ...(ingress === undefined ? {} : { ingress }), ...(egress === undefined ? {} : { egress }) },
  };
}

function stampOf(words: EndpointWords, endpoint: EndpointId): bigint {
  const word = words.get(endpoint);
  return word === undefined ? 0n : BigInt(word.identity) | (BigInt(word.revision) << 32n);
}
