import type { NamespacedName } from '../../base/index.ts';
import type { PolicyEntry, PolicyObject, Workload } from '../../model/index.ts';
import type { PolicySettings } from '../settings.ts';

/** Something that is hardly meant as it stands. */
export type LintFinding = {
  /** `warning`: very likely a mistake. `info`: worth a look. */
  readonly severity: 'warning' | 'info';
  /** Which of the rules of `RULES` says so. */
  readonly rule: string;
  /** `NetworkPolicy shop/backend`, `Namespace shop`. */
  readonly object: string;
  /** Path of the field, as the API server writes it; absent: the object as a whole. */
  readonly field?: string;
  readonly why: string;
  readonly remedy: string;
};

/** A policy with what it says. */
export type LintedPolicy = { readonly policy: PolicyObject; readonly entries: readonly PolicyEntry[] };

export type LintedPod = { readonly pod: NamespacedName; readonly workload: Workload };

export type LintedService = {
  readonly service: NamespacedName;
  /** False: headless, another proxy's, or a name of something outside: it needs none. */
  readonly wantsBackends: boolean;
  /** How many endpoints there are that may be used. */
  readonly backends: number;
};

/** All that is looked at. */
export type LintWorld = {
  readonly policies: readonly LintedPolicy[];
  readonly pods: readonly LintedPod[];
  readonly namespaces: readonly string[];
  readonly services: readonly LintedService[];
  readonly settings: PolicySettings;
};

export type LintRule = (world: LintWorld) => readonly Omit<LintFinding, 'rule'>[];
