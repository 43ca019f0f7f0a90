import type { Config } from '../../datapath/index.ts';
import type { ShareOptions } from './connection-shares.ts';

/** Parts of the table in sixteenths: for pods, and each for the node and for namespaces of nobody. */
const SIXTEENTHS = { pods: 6, node: 1 } as const;
/** What is missing is room for what is counted late. */
const SPARE = 1;

type Shares = Pick<Config, 'sockQuota' | 'sockGuaranteed' | 'sockNode' | 'sockCommon'>;

/** Deals the table of turned sockets out, as connectionShares does that of connections: who may have one may have the other. */
export function socketShares({ capacity, endpoints, quota }: ShareOptions): Shares {
  const part = (sixteenths: number): number => Math.floor((capacity * sixteenths) / 16);
  return {
    sockQuota: quota,
    sockGuaranteed: Math.min(quota, Math.floor(part(SIXTEENTHS.pods) / endpoints)),
    sockNode: part(SIXTEENTHS.node),
    sockCommon: part(16 - SIXTEENTHS.pods - 2 * SIXTEENTHS.node - SPARE),
  };
}
