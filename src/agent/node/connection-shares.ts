import type { Config } from '../../datapath/index.ts';
import { WORLD_OPENINGS } from '../../model/index.ts';

export type ShareOptions = {
  /** Entries of conntrack. */
  readonly capacity: number;
  /** Endpoints to guarantee a part to. */
  readonly endpoints: number;
  /** Of one endpoint at most; 0: nothing is counted. */
  readonly quota: number;
};

/** Parts of the table in sixteenths. What is missing is room for what is counted late. */
const SIXTEENTHS = { guaranteed: 6, common: 4, world: 4, node: 1 } as const;
/** Of the world's part, how much may be half open. */
const HALF_OPEN = 4;

type Shares = Pick<Config, 'ctQuota' | 'ctGuaranteed' | 'ctCommon' | 'ctNode' | 'ctWorld' | 'ctOpenings'>;

/** Deals the table out, so that nobody's connections take the place of another's. All together are less than it holds. */
export function connectionShares({ capacity, endpoints, quota }: ShareOptions): Shares {
  const part = (sixteenths: number): number => Math.floor((capacity * sixteenths) / 16);
  const world = part(SIXTEENTHS.world);
  return {
    ctQuota: quota,
    ctGuaranteed: Math.min(quota, Math.floor(part(SIXTEENTHS.guaranteed) / endpoints)),
    ctCommon: part(SIXTEENTHS.common),
    ctNode: part(SIXTEENTHS.node),
    ctWorld: world,
    ctOpenings: Math.min(WORLD_OPENINGS, Math.floor(world / HALF_OPEN)),
  };
}
