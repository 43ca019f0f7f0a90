import type { VerifyView } from '../../api/index.ts';
import type { Clock } from '../../base/index.ts';
import { Gauge, type Registry } from '../../base/metrics.ts';

const LAYERS = [
  'who',
  'floor',
  'sharing',
  'policy',
  'services',
  'programs',
] as const satisfies readonly VerifyView['differences'][number]['layer'][];

type Sources = {
  readonly clock: Pick<Clock, 'now'>;
  readonly last: () => VerifyView | undefined;
  /** When that was; NaN: never. */
  readonly at: () => number;
};

/** What the proofs of this node say, to Prometheus. */
export function proofMetrics(registry: Registry, { clock, last, at }: Sources): readonly Gauge[] {
  const registers = [registry];
  return [
    new Gauge({
      name: 'membrane_proof_differences',
      help: 'Where the kernel of this node was not as it is meant at the last proof, by layer',
      labelNames: ['layer'],
      registers,
      collect() {
        for (const layer of LAYERS) {
          this.set({ layer }, last()?.differences.filter((one) => one.layer === layer).length ?? 0);
        }
      },
    }),
    new Gauge({
      name: 'membrane_proof_age_seconds',
      help: 'Since the last proof of this node; NaN: there was none',
      registers,
      collect() {
        this.set((clock.now() - at()) / 1_000);
      },
    }),
    new Gauge({
      name: 'membrane_proof_seconds',
      help: 'How long the last proof of this node took; NaN: there was none',
      registers,
      collect() {
        this.set((last()?.tookMs ?? Number.NaN) / 1_000);
      },
    }),
  ];
}
