import { Counter, Gauge, type Registry } from '../base/metrics.ts';
import type { Round } from '../identity/index.ts';

type Looked = Round & { readonly total: number; readonly used: number };

/** What the operator tells Prometheus. */
export class OperatorMetrics {
  readonly #leading: Gauge;
  readonly #numbers: Gauge;
  readonly #steps: Counter;
  readonly #failures: Counter;
  readonly #behind: Gauge;
  readonly #unwritten: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#leading = new Gauge({
      name: 'membrane_operator_leading',
      help: 'Whether this operator holds the lease.',
      registers,
    });
    this.#numbers = new Gauge({
      name: 'membrane_operator_identities',
      help: 'Identity numbers that are given out: used by pods, free, or marked to be deleted.',
      labelNames: ['state'],
      registers,
    });
    this.#steps = new Counter({
      name: 'membrane_operator_identity_steps_total',
      help: 'Identity numbers that were marked, kept after a mark, or deleted.',
      labelNames: ['step'],
      registers,
    });
    this.#failures = new Counter({
      name: 'membrane_operator_failed_rounds_total',
      help: 'Looks at the identity numbers that an error of the API server ended.',
      registers,
    });
    this.#behind = new Gauge({
      name: 'membrane_operator_nodes_behind',
      help: 'Nodes that have not heard of all numbers that are old enough to be deleted.',
      registers,
    });
    this.#unwritten = new Gauge({
      name: 'membrane_operator_unwritten_tenants',
      help: 'Tenants whose status or finalizer the API server does not take.',
      registers,
    });
  }

  unwritten(count: number): void {
    this.#unwritten.set(count);
  }

  leads(is: boolean): void {
    this.#leading.set(is ? 1 : 0);
  }

  looked({ total, used, marked, kept, deleted, waiting, behind }: Looked): void {
    this.#numbers.set({ state: 'used' }, used);
    this.#numbers.set({ state: 'marked' }, waiting);
    this.#numbers.set({ state: 'free' }, Math.max(0, total - deleted.length - used - waiting));
    this.#steps.inc({ step: 'marked' }, marked);
    this.#steps.inc({ step: 'kept' }, kept);
    this.#steps.inc({ step: 'deleted' }, deleted.length);
    this.#behind.set(behind.length);
  }

  failed(): void {
    this.#failures.inc();
  }
}
