import { type NamespacedName, namespacedName } from '../base/index.ts';

/** What is kept of any object of the cluster. */
export type ObjectRow = {
  readonly uid: string;
  /** Empty for cluster-wide kinds. */
  readonly namespace: string;
  readonly name: string;
};

/** `namespace/name`; of a cluster-wide kind the name. */
export function rowKey(row: ObjectRow): NamespacedName {
  return namespacedName(row);
}
