import { Signal } from '../base/index.ts';

/** An object of the cluster that something is to be said on. */
export type ObjectSubject = {
  /** `v1`, `networking.k8s.io/v1`. */
  readonly apiVersion: string;
  readonly kind: string;
  /** Empty for cluster-wide kinds. */
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
};

/** `reason` is one word, as in every event. */
export type ObjectProblem = {
  readonly reason: string;
  readonly message: string;
  /** True: worth a look, and may be meant so. */
  readonly isNormal?: boolean;
};

export type Report = { readonly subject: ObjectSubject; readonly problems: readonly ObjectProblem[] };

/** Whoever tells the owners has not asked for that long: they find the rest in what the agent tells. */
const MOST = 10_000;

/** What is wrong with objects, on its way to whoever tells their owners. */
export class ObjectProblems {
  readonly reported = new Signal();
  #reports: Report[] = [];

  report(subject: ObjectSubject, problems: readonly ObjectProblem[]): void {
    if (problems.length === 0 || this.#reports.length >= MOST) return;
    this.#reports.push({ subject, problems });
    this.reported.emit();
  }

  /** In the order in which they came up, each once. */
  take(): readonly Report[] {
    const taken = this.#reports;
    this.#reports = [];
    return taken;
  }
}
