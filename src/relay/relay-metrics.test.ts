import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { PROMTOOL, wrongMetrics } from '../../test/scenarios/promtool.ts';
import { LostEventSchema, LostEventSource } from '../api/hubble/gen/flow/flow_pb.js';
import { RelayCounts } from '../api/hubble/relay/relay-counts.ts';
import type { Told } from '../api/hubble/relay/told.ts';
import type { RelayNodes } from '../api/server.ts';
import { createRegistry } from '../base/metrics.ts';
import { relayLags, relayMetrics } from './relay-metrics.ts';

const flow = (time: number): Told => ({ kind: 'flow', time, bytes: new Uint8Array() });
const lost = (source: LostEventSource, numEventsLost: bigint): Told => ({
  kind: 'lost',
  time: 0,
  bytes: new Uint8Array(),
  lost: create(LostEventSchema, { source, numEventsLost }),
});

describe('metrics of a relay', () => {
  const all = [{ isConnected: true }, { isConnected: true }, { isConnected: false }] as unknown as RelayNodes['all'];
  const registry = createRegistry();
  const counts = new RelayCounts(relayLags(registry));
  relayMetrics(registry, { links: { all }, counts });

  it('say which nodes answer, what was told, and what is missing', async () => {
    counts.readers = 2;
    counts.failures.lie = 1;
    const now = Date.now();
    counts.tell([flow(now)], undefined);
    // Of before one began to follow: not told as it came.
    counts.tell([flow(now - 60_000)], now);
    // A node's clock that is ahead makes no lag that is less than none.
    counts.tell([flow(now - 20_000), flow(now + 60_000)], now - 30_000);
    const places = [
      lost(LostEventSource.PERF_EVENT_RING_BUFFER, 7n),
      lost(LostEventSource.OBSERVER_EVENTS_QUEUE, 3n),
      lost(LostEventSource.UNKNOWN_LOST_EVENT_SOURCE, 5n),
    ];
    counts.tell(places, undefined);
    const lines = (await registry.metrics()).split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        'membrane_relay_nodes{state="connected"} 2',
        'membrane_relay_nodes{state="unavailable"} 1',
        'membrane_relay_readers 2',
        'membrane_relay_flows_sent_total 4',
        'membrane_relay_flows_lost_total{place="kernel"} 7',
        'membrane_relay_flows_lost_total{place="reader"} 3',
        'membrane_relay_node_failures_total{reason="lie"} 1',
        'membrane_relay_node_failures_total{reason="broken"} 0',
        'membrane_relay_lag_seconds_bucket{le="0.5"} 1',
        'membrane_relay_lag_seconds_bucket{le="30"} 2',
        'membrane_relay_lag_seconds_count 2',
      ]),
    );
  });

  it.skipIf(PROMTOOL === undefined)('are as Prometheus wants them', async () => {
    expect(wrongMetrics(PROMTOOL ?? '', await registry.metrics())).toEqual([]);
  });
});
