/** How much of the policy maps policies may take; rows and peers are counted alike. */
export type PolicyLimits = {
  /** One table: the policies that hold for a pod in one direction, shared by all pods they hold for. */
  readonly table: number;
  /** All tables of one namespace on this node. */
  readonly namespace: number;
  /** Selectors of peers, and values in them, of all policies of one namespace. */
  readonly selectors: number;
};
