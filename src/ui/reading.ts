import type { Signal } from '../base/index.ts';
import type { Flow, FlowLossPlace } from '../model/index.ts';
import type { Inventory, MatrixView, ReachView, RemedyView } from './messages.ts';
import type { RemedyRequest } from './remedy.ts';

export type FlowListener = {
  readonly flow: (flow: Flow) => void;
  readonly lost: (place: FlowLossPlace, count: number) => void;
  /** Nothing more comes, because of this. */
  readonly ended: (why: unknown) => void;
};

/** ms since the epoch. */
export type PastRange = { readonly since: number; readonly until: number; readonly signal: AbortSignal };

/** What there is, as somebody may see it. */
export type InventorySource = {
  /** Something of it is another. */
  readonly changed: Signal;
  readonly now: Inventory;
  readonly cluster: string;
  /** Returns what ends it. */
  readonly watch: () => () => void;
  readonly look: () => Promise<void>;
};

/** What one page reads, with the eyes of whoever looks: what is not for him does not come through here. */
export type Reading = {
  readonly who: string;
  readonly inventory: InventorySource;
  /** Who is apart from whom. */
  readonly matrix: {
    readonly look: () => Promise<MatrixView>;
    /** What opens from one tenant to another. E_UI_FULL; others of whoever is asked. */
    readonly ask: (from: string, to: string) => Promise<ReachView>;
  };
  /** What would let a connection pass. */
  readonly remedy: (request: RemedyRequest) => Promise<RemedyView>;
  /** What came lately, then what comes. Returns what ends it. */
  readonly live: (listener: FlowListener) => () => void;
  /** What is kept of a time, in its order. Gives whether there is more. */
  readonly past: (range: PastRange, listener: FlowListener) => Promise<boolean>;
};
