import type { FlowEnd } from '../model/index.ts';
import type { PlaceKey } from './messages.ts';

/** What names of pods are made of by controllers: no vowels, and nothing that looks like one. */
const RANDOM = '[bcdfghjklmnpqrstvwxz2456789]';
const MADE = new RegExp(`^(.+?)(?:-${RANDOM}{8,10})?-${RANDOM}{5}$`);
const ORDINAL = /^(.+)-\d{1,5}$/;

/** Each flow asks for two. */
const KNOWN = new Map<string, string>();
const MOST_KNOWN = 20_000;

/** Whose pod it is, by its name: flows and endpoints do not know owners. `web-7d4b9c6f5d-x2x7k` and `web-0` are `web`. */
export function workloadOf(pod: string): string {
  const known = KNOWN.get(pod);
  if (known !== undefined) return known;
  if (KNOWN.size >= MOST_KNOWN) KNOWN.clear();
  const workload = (MADE.exec(pod) ?? ORDINAL.exec(pod))?.[1] ?? pod;
  KNOWN.set(pod, workload);
  return workload;
}

export const workloadKey = (namespace: string, pod: string): PlaceKey => `${namespace}/${workloadOf(pod)}`;

/** Where one end of a flow is on the map. */
export function placeOf({ namespace, pod, labels }: FlowEnd): PlaceKey {
  if (namespace !== undefined && pod !== undefined) return workloadKey(namespace, pod);
  const reserved = labels.find((label) => label.startsWith('reserved:'));
  if (reserved !== undefined) return reserved;
  if (labels.some((label) => label.startsWith('cidr:'))) return 'reserved:world';
  // Of another node's pod whose name is not known here, its namespace may be.
  if (namespace !== undefined) return `${namespace}/?`;
  return 'reserved:unknown';
}

/** For people. */
export function placeName(key: PlaceKey): { readonly name: string; readonly namespace?: string } {
  if (key.startsWith('reserved:')) return { name: key.slice('reserved:'.length) };
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
