import type { Config } from '../../datapath/index.ts';
import { CLOSED_CONNECTIONS, FIRST_OUTSIDE, MAX_ENDPOINTS, WORLD_OPENINGS } from '../../model/index.ts';

export type ShareOptions = {
  /** Entries of conntrack. */
  readonly capacity: number;
  /** Endpoints to guarantee a part to. */
  readonly endpoints: number;
  /** Of one endpoint at most; 0: nothing is counted. */
  readonly quota: number;
};

/** Parts of the table. What is missing is room for what is counted late. */
const PARTS = { guaranteed: 12, common: 6, world: 5, elsewhere: 4, node: 2, closed: 2, of: 32 } as const;
/** What one pod elsewhere may have of what is common to them. */
const ONE_ELSEWHERE = 4;
/** Of the world's part, how much may be half open. */
const HALF_OPEN = 4;

type Shares = Pick<
  Config,
  | 'ctQuota'
  | 'ctGuaranteed'
  | 'ctCommon'
  | 'ctNode'
  | 'ctWorld'
  | 'ctOpenings'
  | 'ctClosed'
  | 'ctElsewhere'
  | 'ctElsewhereGuaranteed'
  | 'ctElsewhereQuota'
>;

/** Deals the table out, so that nobody's connections take the place of another's. All together are less than it holds. */
export function connectionShares({ capacity, endpoints, quota }: ShareOptions): Shares {
  const part = (parts: number): number => Math.floor((capacity * parts) / PARTS.of);
  const world = part(PARTS.world);
  // Half of it is dealt out to the words that their addresses are known by.
  const elsewhere = Math.floor(part(PARTS.elsewhere) / 2);
  const guaranteed = Math.floor(elsewhere / (MAX_ENDPOINTS - FIRST_OUTSIDE));
  return {
    ctQuota: quota,
    ctGuaranteed: Math.min(quota, Math.floor(part(PARTS.guaranteed) / endpoints)),
    ctCommon: part(PARTS.common),
    ctNode: part(PARTS.node),
    ctWorld: world,
    ctElsewhere: elsewhere,
    ctElsewhereGuaranteed: guaranteed,
    ctElsewhereQuota: Math.min(Math.max(quota, guaranteed), guaranteed + Math.floor(elsewhere / ONE_ELSEWHERE)),
    ctOpenings: Math.min(WORLD_OPENINGS, Math.floor(world / HALF_OPEN)),
    ctClosed: quota === 0 ? 0 : Math.min(CLOSED_CONNECTIONS, part(PARTS.closed)),
  };
}
