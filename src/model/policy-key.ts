import { flatText } from '../base/index.ts';

declare const keyBrand: unique symbol;

/** `NetworkPolicy shop/backend`: policies of two kinds may have one namespace and name, and are two policies. */
export type PolicyKey = string & { readonly [keyBrand]: 'PolicyKey' };

export type PolicyName = {
  readonly kind: string;
  /** Absent or empty for cluster-wide kinds. */
  readonly namespace?: string | undefined;
  readonly name: string;
};

export function policyKey({ kind, namespace = '', name }: PolicyName): PolicyKey {
  return flatText(kind, ' ', namespace, namespace === '' ? '' : '/', name) as PolicyKey;
}
