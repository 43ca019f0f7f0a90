/** Label keys and values of one object. A Map, because `constructor` is a legal label key. */
export type LabelMap = ReadonlyMap<string, string>;

export const labelMap = (labels: Readonly<Record<string, string>> = {}): LabelMap => new Map(Object.entries(labels));

const SOURCES = ['k8s', 'pod', 'reserved', 'cidr'] as const;

/** Who says so: Kubernetes, a pod in words that look like Membrane's, Membrane itself, or an address. */
export type LabelSource = (typeof SOURCES)[number];

/** A security label in Cilium's notation `source:key=value`; without a value just `source:key`. */
export type Label = { readonly source: LabelSource; readonly key: string; readonly value: string };

export function formatLabel(label: Label): string {
  return label.value === '' ? `${label.source}:${label.key}` : `${label.source}:${label.key}=${label.value}`;
}

/**
 * The labels as one canonical string: sorted, separated by `;`. Two sets have the same string exactly when they are
 * equal, whatever stands in keys and values, because separators inside a label are escaped.
 */
export function labelsKey(labels: Iterable<Label>): string {
  return Array.from(labels, ({ source, key, value }) => `${source}:${escapeKeyPart(key)}=${escapeKeyPart(value)}`)
    .sort()
    .join(';');
}

/** Makes a text safe to stand between the separators of a canonical key. */
export function escapeKeyPart(text: string): string {
  return text.replaceAll(/[\\;=|,/]/g, '\\$&');
}

/** Keys that Membrane itself puts into a pod's identity; the names are Cilium's, whose users read them already. */
export const NAMESPACE_KEY = 'io.kubernetes.pod.namespace';
export const NAMESPACE_LABEL_PREFIX = 'io.cilium.k8s.namespace.labels.';
export const SERVICE_ACCOUNT_KEY = 'io.cilium.k8s.policy.serviceaccount';
export const CLUSTER_KEY = 'io.cilium.k8s.policy.cluster';

/**
 * True for a key that says something about a pod that its owner must not say. On the pod itself it is a label like any
 * other, which policies may select by; in an identity it has a source of its own, or a tenant could claim another's
 * namespace or service account (GHSA-pfhr-pccp-hwmh).
 */
export function isInternalKey(key: string): boolean {
  return key === NAMESPACE_KEY || key.startsWith('io.cilium.k8s.');
}
