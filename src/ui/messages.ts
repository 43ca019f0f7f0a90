import type { Flow, FlowLossPlace } from '../model/index.ts';

/** What the page and its server say to each other. Types alone: the page is bundled from here. JSON lines, times in ms since the epoch. */

/** `tenant-a/web`, `reserved:world`, `node:10.0.0.1`, see `placeOf`. */
export type PlaceKey = string;

/** Whoever talks: a workload, or somebody who is none. Numbers hold for one stream. */
export type Place = {
  readonly id: number;
  readonly key: PlaceKey;
  readonly name: string;
  /** Absent: no workload. */
  readonly namespace?: string;
};

export type WorkloadView = {
  readonly key: PlaceKey;
  readonly namespace: string;
  readonly name: string;
  readonly pods: number;
  readonly nodes: readonly string[];
  /** Of any of its pods that is not ready: why. */
  readonly trouble?: string;
  /** By what is in force. `some`: not at every pod. */
  readonly enforced: { readonly ingress: Extent; readonly egress: Extent };
};
export type Extent = 'all' | 'some' | 'none';

export type ServiceSummary = {
  readonly namespace: string;
  readonly name: string;
  readonly type: string;
  readonly state: string;
  readonly ports: readonly string[];
  /** Whose pods are backends. */
  readonly backends: readonly PlaceKey[];
  /** All of them, also those outside of the cluster. */
  readonly backendCount: number;
  readonly problems: readonly string[];
};

export type TenantSummary = {
  /** Empty: namespaces that no Tenant claims. */
  readonly name: string;
  readonly closed?: string;
  readonly namespaces: readonly string[];
};

export type NodeSummary = {
  readonly name: string;
  readonly ready: boolean;
  readonly version: string;
  /** Absent: it answers. */
  readonly silent?: string;
};

export type Inventory = {
  readonly nodes: readonly NodeSummary[];
  readonly tenants: readonly TenantSummary[];
  readonly workloads: readonly WorkloadView[];
  readonly services: readonly ServiceSummary[];
  readonly policies: number;
  /** Absent: workloads and services are all that there are. Else those of namespaces that who looks may see, and others talk, too. */
  readonly isPartial?: true;
};

/** A row of the table. `count`: so many drops, of which the flow is the newest, since `first`. */
export type Row = {
  readonly id: number;
  /** When it was told of, where its own time is later: the clock of its node is fast. */
  readonly at?: number;
  readonly flow: Flow;
  readonly from: PlaceKey;
  readonly to: PlaceKey;
  readonly count?: number;
  readonly first?: number;
  /** The drops differ in more than their time: ports, or, where there are very many, ends. */
  readonly mixed?: boolean;
};

/** From, to, forwarded, dropped: how many within the window. */
export type Edge = readonly [from: number, to: number, forwarded: number, dropped: number];

/** A second and what came in it. */
export type Moment = readonly [second: number, forwarded: number, dropped: number];

export type Losses = Readonly<Record<FlowLossPlace, number>>;

/** Since the stream began: listed + unlisted + muted + unmatched = all flows that came. */
export type Counted = {
  readonly listed: number;
  /** Forwarded flows that came faster than a table can be read. Drops are always listed. */
  readonly unlisted: number;
  readonly muted: number;
  readonly unmatched: number;
};

/** What is proved of two tenants, the worst that any node says; see `verifySchema`. Empty name: namespaces that no Tenant claims; `*`: all tenants that are not for who looks. */
export type MatrixCell = {
  readonly from: string;
  readonly to: string;
  readonly standing: 'isolated' | 'shared' | 'together' | 'empty' | 'broken' | 'untold';
  readonly shares: number;
  /** Of what is shared. */
  readonly example?: {
    readonly from: string;
    readonly to: string;
    readonly packets: string;
    readonly why: readonly string[];
  };
};

export type MatrixView = {
  readonly nodes: readonly {
    readonly node: string;
    readonly at?: string;
    readonly tookMs?: number;
    readonly good?: boolean;
    /** Why nothing is proved there. */
    readonly silent?: string;
  }[];
  readonly tenants: readonly string[];
  /** Those that are not listed are isolated. */
  readonly cells: readonly MatrixCell[];
  /** Where a kernel is not as it is meant. `packet`: the counter-example, and what became of it. */
  readonly alarms: readonly {
    readonly node: string;
    readonly effect: string;
    readonly from: string;
    readonly to: string;
    readonly packets: string;
    readonly rows: readonly string[];
    readonly meant: readonly string[];
    readonly packet?: string;
  }[];
};

/** What opens from one tenant to another. */
export type ReachView = {
  readonly from: string;
  readonly to: string;
  readonly reached: readonly {
    readonly node: string;
    readonly from: string;
    readonly to: string;
    readonly packets: string;
    readonly why: readonly string[];
    readonly packet?: string;
  }[];
  readonly more: number;
  /** Pairs of identities that were decided. */
  readonly pairs: number;
  readonly silent: readonly string[];
};

/** What would let a connection pass; see `whySchema`. */
export type RemedyView = {
  readonly verdict: 'allowed' | 'denied';
  readonly steps: readonly { readonly direction: string; readonly verdict: string; readonly reason: string }[];
  /** Why no policy would. */
  readonly noChange?: string;
  /** YAML that can be applied, and what it would open and end besides. */
  readonly change?: {
    readonly manifest: string;
    /** What each step says with it. */
    readonly after: RemedyView['steps'];
    readonly opens: readonly { readonly from: string; readonly to: string; readonly packets: readonly string[] }[];
    readonly closes: readonly { readonly from: string; readonly to: string; readonly packets: readonly string[] }[];
    readonly more: number;
    /** Of pods that who looks may see, and of nobody else's. */
    readonly isPartial?: true;
  };
};

export type PageMessage =
  | {
      readonly kind: 'hello';
      readonly version: string;
      readonly cluster: string;
      /** Empty: everybody. */
      readonly who: string;
      /** It can be ended. */
      readonly hasLogin: boolean;
      readonly now: number;
    }
  | { readonly kind: 'inventory'; readonly inventory: Inventory }
  /**
   * `edges` that changed; with `whole` all that there are. `moments` that are new or changed. `rest`: what came within the window
   * between pairs that are too many to be told.
   */
  | {
      readonly kind: 'totals';
      readonly places: readonly Place[];
      readonly edges: readonly Edge[];
      readonly whole: boolean;
      readonly moments: readonly Moment[];
      readonly rest: readonly [forwarded: number, dropped: number];
    }
  | { readonly kind: 'rows'; readonly rows: readonly Row[] }
  | { readonly kind: 'counted'; readonly counted: Counted; readonly lost: Losses }
  /** The past is told; or the server ends. */
  | { readonly kind: 'end'; readonly more: boolean }
  | { readonly kind: 'alive' }
  | {
      readonly kind: 'error';
      readonly error: { readonly code: string; readonly message: string; readonly remedy: string };
    };
