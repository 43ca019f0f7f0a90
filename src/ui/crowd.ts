/** Whom somebody shares with what there is for all: whoever may make service accounts of a namespace makes as many as he likes. */
export function crowdOf(who: string): string {
  const [, ofNamespace = who] = /^(system:serviceaccount:[^:]+):/.exec(who) ?? [];
  return ofNamespace;
}

/** Of all that are held, oldest first, which gives way to another of `crowd`: the oldest of who has most, if that is more than one more than `crowd` has. */
export function givesWay<T extends { readonly who: string }>(held: Iterable<T>, crowd: string): T | undefined {
  const crowds = new Map<string, T[]>();
  for (const one of held) {
    const name = crowdOf(one.who);
    const known = crowds.get(name);
    if (known === undefined) crowds.set(name, [one]);
    else known.push(one);
  }
  const own = crowds.get(crowd)?.length ?? 0;
  let most: T[] = [];
  for (const all of crowds.values()) if (all.length > most.length) most = all;
  return most.length > own + 1 ? most[0] : undefined;
}
