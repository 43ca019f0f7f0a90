import { Counter, type Registry } from '../../base/metrics.ts';
import type { FlowExport } from './flow-export.ts';
import type { OtlpExport } from './otlp-export.ts';

/** What became of the flows that are to be written to a file. */
export function exportMetrics(registry: Registry, flows: Pick<FlowExport, 'written' | 'lost'>): readonly Counter[] {
  const registers = [registry];
  return [
    new Counter({
      name: 'membrane_flow_exported_total',
      help: 'Flows that were written to flowExport.file',
      registers,
      collect() {
        this.reset();
        this.inc(flows.written);
      },
    }),
    new Counter({
      name: 'membrane_flow_export_lost_total',
      help: 'Flows that flowExport wants and its file has not, by reason: the disk is slow, or the file cannot be written',
      labelNames: ['reason'],
      registers,
      collect() {
        this.reset();
        for (const [reason, count] of Object.entries(flows.lost)) this.inc({ reason }, count);
      },
    }),
  ];
}

/** What became of the flows that are to be sent to a collector. */
export function otlpMetrics(registry: Registry, flows: Pick<OtlpExport, 'sent' | 'lost'>): readonly Counter[] {
  const registers = [registry];
  return [
    new Counter({
      name: 'membrane_otlp_flows_sent_total',
      help: 'Flows that the collector at otlp.endpoint has taken',
      registers,
      collect() {
        this.reset();
        this.inc(flows.sent);
      },
    }),
    new Counter({
      name: 'membrane_otlp_flows_lost_total',
      help: 'Flows that otlp wants and its collector has not, by reason: it is slow, it refuses them, or it is unreachable for too long',
      labelNames: ['reason'],
      registers,
      collect() {
        this.reset();
        for (const [reason, count] of Object.entries(flows.lost)) this.inc({ reason }, count);
      },
    }),
  ];
}
