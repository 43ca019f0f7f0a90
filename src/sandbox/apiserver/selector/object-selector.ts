import { labelMap, labelSelector, selectorMatches } from '../../../model/index.ts';
import { isObject, type Json } from '../json.ts';

/** Does a `metav1.LabelSelector` that was validated hold for these labels? None, and an empty one, select nothing. */
export function selectorHolds(selector: Json | undefined, labels: Readonly<Record<string, string>> = {}): boolean {
  if (!isObject(selector) || isEmptySelector(selector)) return false;
  return selectorMatches(labelSelector(selector), labelMap(labels));
}

export function isEmptySelector(selector: Json | undefined): boolean {
  return !isObject(selector) || Object.keys(selector).length === 0;
}
