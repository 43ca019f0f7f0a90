import type { ObjectRow } from './object-row.ts';

/** Of a tenant, why. */
export type TenantTold = { readonly tenant: string; readonly message: string };

/** Of a tenant, how many rules of its policies. */
export type TenantRules = { readonly tenant: string; readonly rules: number };

/** What the agent of a node, whose name it has, has proved last. */
export type NodeProof = ObjectRow & {
  /** Milliseconds since the epoch, by the clock of the node; undefined: nothing was proved yet, or it cannot be read. */
  readonly at: number | undefined;
  /** Tenants as the node had them. */
  readonly tenants: ReadonlyMap<string, number>;
  /** Whose the kernel is not as it is meant, whatever it lets pass. Of no name: of everybody. */
  readonly differing: readonly TenantTold[];
  /** Into or out of which the kernel lets pass what is not meant to. Of no name: of everybody. */
  readonly open: readonly TenantTold[];
  /** That were refused something for a limit since the proof before, or have all that they may. */
  readonly limited: readonly TenantTold[];
  /** Whose policies have rules that the floor leaves no effect; undefined: it was not looked for. */
  readonly ineffective: readonly TenantRules[] | undefined;
};

/** A proof as its node says it. */
export type SaidProof = Omit<NodeProof, keyof ObjectRow | 'at'> & { readonly at: number };
