import type { RelayCounts, RelayNodes } from '../api/server.ts';
import { byLabel, Histogram, type Registry, readCounter, readGauge } from '../base/metrics.ts';

export type RelaySources = { readonly links: RelayNodes; readonly counts: RelayCounts };

/** Of flows that readers get as they come. */
export function relayLags(registry: Registry): Histogram {
  return new Histogram({
    name: 'membrane_relay_lag_seconds',
    help: 'From when a node saw a flow to when the relay told it, of flows that are told as they come; half a second is by intent',
    buckets: [0.5, 0.6, 0.75, 1, 2, 5, 10, 30],
    registers: [registry],
  });
}

/** What else a relay tells Prometheus. All is read when it is asked for. */
export function relayMetrics(registry: Registry, { links, counts }: RelaySources): void {
  readGauge(registry, {
    name: 'membrane_relay_nodes',
    help: 'Nodes of which the relay has heard, by whether they answer',
    labelNames: ['state'],
    read: () => {
      const connected = links.all.filter(({ isConnected }) => isConnected).length;
      return byLabel('state', Object.entries({ connected, unavailable: links.all.length - connected }));
    },
  });
  readGauge(registry, {
    name: 'membrane_relay_readers',
    help: 'Who reads flows from the relay now',
    read: () => counts.readers,
  });
  readCounter(registry, {
    name: 'membrane_relay_flows_sent_total',
    help: 'Flows that the relay gave to readers, once for each',
    read: () => counts.sent,
  });
  readCounter(registry, {
    name: 'membrane_relay_flows_lost_total',
    help: 'Flows that readers of the relay were told to be missing, once for each, by place: before they came to the agent, or because what reads was slow',
    labelNames: ['place'],
    read: () => byLabel('place', Object.entries(counts.lost)),
  });
  readCounter(registry, {
    name: 'membrane_relay_node_failures_total',
    help: 'Streams of nodes that ended before their reader did, by reason: broken, or the node told what is of another (lie)',
    labelNames: ['reason'],
    read: () => byLabel('reason', Object.entries(counts.failures)),
  });
}
