import type { VerifyView } from '../../api/index.ts';
import type { Clock } from '../../base/index.ts';
import { byLabel, type Registry, readGauge } from '../../base/metrics.ts';

const LAYERS = [
  'who',
  'floor',
  'sharing',
  'policy',
  'services',
  'programs',
] as const satisfies readonly VerifyView['differences'][number]['layer'][];

type Sources = {
  readonly clock: Pick<Clock, 'elapsed'>;
  readonly last: () => VerifyView | undefined;
  /** When that was, as `elapsed` has it; NaN: never. */
  readonly at: () => number;
};

/** What the proofs of this node say, to Prometheus. */
export function proofMetrics(registry: Registry, { clock, last, at }: Sources): void {
  readGauge(registry, {
    name: 'membrane_proof_differences',
    help: 'Where the kernel of this node was not as it is meant at the last proof, by layer',
    labelNames: ['layer'],
    read: () => {
      const differences = last()?.differences ?? [];
      return byLabel(
        'layer',
        LAYERS.map((layer) => [layer, differences.filter((one) => one.layer === layer).length]),
      );
    },
  });
  readGauge(registry, {
    name: 'membrane_proof_age_seconds',
    help: 'Since the last proof of this node; NaN: there was none',
    read: () => (clock.elapsed() - at()) / 1_000,
  });
  readGauge(registry, {
    name: 'membrane_proof_seconds',
    help: 'How long the last proof of this node took; NaN: there was none',
    read: () => (last()?.tookMs ?? Number.NaN) / 1_000,
  });
}
