import { flatText, type NameParts, namespacedName } from '../base/index.ts';

declare const keyBrand: unique symbol;

/** `NetworkPolicy shop/backend`: policies of two kinds may have one namespace and name, and are two policies. */
export type PolicyKey = string & { readonly [keyBrand]: 'PolicyKey' };

export type PolicyName = NameParts & { readonly kind: string };

export function policyKey(policy: PolicyName): PolicyKey {
  return flatText(policy.kind, ' ', namespacedName(policy)) as PolicyKey;
}
