/** What is kept of any object of the cluster. */
export type ObjectRow = {
  readonly uid: string;
  /** Empty for cluster-wide kinds. */
  readonly namespace: string;
  readonly name: string;
};
