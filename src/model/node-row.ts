import type { ObjectRow } from './object-row.ts';

export type NodeRow = ObjectRow & {
  readonly labels: Readonly<Record<string, string>>;
  /** Addresses of type InternalIP, then ExternalIP. */
  readonly addresses: readonly string[];
  readonly podCIDRs: readonly string[];
};
