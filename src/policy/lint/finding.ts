import type { NamespacedName } from '../../base/index.ts';
import type {
  Direction,
  LabelMap,
  PolicyEntry,
  PolicyObject,
  ServicePort,
  TenantRow,
  Workload,
} from '../../model/index.ts';
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
export type LintedPolicy = {
  readonly policy: PolicyObject;
  readonly entries: readonly PolicyEntry[];
  /** Then it says nothing yet. */
  readonly isStaged: boolean;
};

export type LintedPod = { readonly pod: NamespacedName; readonly workload: Workload };

export type LintedService = {
  readonly service: NamespacedName;
  /** False: headless, another proxy's, or a name of something outside: it needs none. */
  readonly wantsBackends: boolean;
  /** How many endpoints there are that may be used. */
  readonly backends: number;
};

/** A port of the responder's. */
export type LintedOpening = {
  readonly other: Workload;
  readonly protocol: ServicePort['protocol'];
  readonly port: number;
};

/** What Tenants leave to policies. */
export type LintedFloor = {
  /** Undefined: the namespace is no tenant's, or closed. */
  readonly tenantOf: (
    namespace: string,
  ) => Pick<TenantRow, 'name' | 'boundary' | 'world' | 'systemServices'> | undefined;
  /** Who beyond its tenant may open to it, or whom it may, if policies let them. */
  readonly shared: (workload: Workload, direction: Direction) => readonly LintedOpening[];
};

/** All that is looked at. */
export type LintWorld = {
  readonly policies: readonly LintedPolicy[];
  readonly pods: readonly LintedPod[];
  readonly namespaces: readonly { readonly name: string; readonly labels: LabelMap }[];
  readonly services: readonly LintedService[];
  readonly floor: LintedFloor;
  readonly settings: PolicySettings;
};

export type LintRule = (world: LintWorld) => readonly Omit<LintFinding, 'rule'>[];
