import { byLabel, type Registry, readCounter } from '../../base/metrics.ts';
import type { FlowExport } from './flow-export.ts';
import type { OtlpExport } from './otlp-export.ts';

/** What became of the flows that are to be written to a file. */
export function exportMetrics(registry: Registry, flows: Pick<FlowExport, 'written' | 'lost'>): void {
  readCounter(registry, {
    name: 'membrane_flow_exported_total',
    help: 'Flows that were written to flowExport.file',
    read: () => flows.written,
  });
  readCounter(registry, {
    name: 'membrane_flow_export_lost_total',
    help: 'Flows that flowExport wants and its file has not, by reason: the disk is slow, or the file cannot be written',
    labelNames: ['reason'],
    read: () => byLabel('reason', Object.entries(flows.lost)),
  });
}

/** What became of the flows that are to be sent to a collector. */
export function otlpMetrics(registry: Registry, flows: Pick<OtlpExport, 'sent' | 'lost'>): void {
  readCounter(registry, {
    name: 'membrane_otlp_flows_sent_total',
    help: 'Flows that the collector at otlp.endpoint has taken',
    read: () => flows.sent,
  });
  readCounter(registry, {
    name: 'membrane_otlp_flows_lost_total',
    help: 'Flows that otlp wants and its collector has not, by reason: it is slow, it refuses them, or it is unreachable for too long',
    labelNames: ['reason'],
    read: () => byLabel('reason', Object.entries(flows.lost)),
  });
}
