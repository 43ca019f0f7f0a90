import { flatText } from './flat-text.ts';

declare const nameBrand: unique symbol;

/** `shop/backend`; of a cluster-wide object its name alone. Kubernetes has no slash in either. */
export type NamespacedName = string & { readonly [nameBrand]: 'NamespacedName' };

export type NameParts = {
  /** Absent or empty for cluster-wide kinds. */
  readonly namespace?: string | undefined;
  readonly name: string;
};

export function namespacedName({ namespace = '', name }: NameParts): NamespacedName {
  return (namespace === '' ? name : flatText(namespace, '/', name)) as NamespacedName;
}

/** `namespace` is empty for a cluster-wide object. */
export function nameParts(text: NamespacedName): { readonly namespace: string; readonly name: string } {
  const slash = text.indexOf('/');
  return { namespace: text.slice(0, Math.max(0, slash)), name: text.slice(slash + 1) };
}

/** From what somebody wrote; undefined when it is no name. */
export function parseNamespacedName(text: string): NamespacedName | undefined {
  const parts = text.split('/');
  return parts.length <= 2 && parts.every((part) => part !== '') ? (text as NamespacedName) : undefined;
}
