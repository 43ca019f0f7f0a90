import { type KubeObject, numberAt } from '../../apiserver/index.ts';

export type Ordinals = { readonly first: number; readonly count: number };

export function ordinalsOf(set: KubeObject): Ordinals {
  return { first: numberAt(set, 'spec', 'ordinals', 'start') ?? 0, count: numberAt(set, 'spec', 'replicas') ?? 0 };
}

/** `undefined`: the pod is none of the set, by its name. */
export function ordinalOf(set: KubeObject, pod: KubeObject): number | undefined {
  const prefix = `${set.metadata.name}-`;
  const { name } = pod.metadata;
  const text = name.startsWith(prefix) ? name.slice(prefix.length) : '';
  return /^(0|[1-9]\d{0,8})$/.test(text) ? Number(text) : undefined;
}

/** The pods that are to be, by ordinal (`undefined`: missing), and those that are to go, the last one first. */
export function sortPods(
  set: KubeObject,
  pods: readonly KubeObject[],
): { readonly wanted: ReadonlyMap<number, KubeObject | undefined>; readonly surplus: readonly KubeObject[] } {
  const { first, count } = ordinalsOf(set);
  const wanted = new Map<number, KubeObject | undefined>();
  for (let ordinal = first; ordinal < first + count; ordinal += 1) wanted.set(ordinal, undefined);
  const surplus: { readonly ordinal: number; readonly pod: KubeObject }[] = [];
  for (const pod of pods) {
    const ordinal = ordinalOf(set, pod);
    if (ordinal === undefined) continue;
    if (wanted.has(ordinal)) wanted.set(ordinal, pod);
    else surplus.push({ ordinal, pod });
  }
  return { wanted, surplus: surplus.toSorted((a, b) => b.ordinal - a.ordinal).map(({ pod }) => pod) };
}
