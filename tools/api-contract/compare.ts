/** What is wrong with an answer, a line each: the rules are stated in cases.yaml. */
export function differences(wanted: unknown, found: unknown, path = ''): string[] {
  if (wanted === null) return found === undefined || found === null ? [] : [`${path}: ${show(found)}, and not nothing`];
  if (Array.isArray(wanted)) {
    if (!Array.isArray(found)) return [`${path}: ${show(found)}, and no list`];
    if (found.length !== wanted.length) return [`${path}: ${found.length} elements, and not ${wanted.length}`];
    return wanted.flatMap((one, index) => differences(one, found[index], `${path}[${index}]`));
  }
  if (typeof wanted === 'object') {
    if (typeof found !== 'object' || found === null) return [`${path}: ${show(found)}, and no object`];
    const members = Object.entries(wanted);
    return members.flatMap(([key, value]) => differences(value, (found as never)[key], `${path}.${key}`));
  }
  const pattern = typeof wanted === 'string' ? /^\/(.*)\/$/.exec(wanted)?.[1] : undefined;
  const said = typeof found === 'string' ? found : show(found);
  const holds = pattern === undefined ? found === wanted : found !== undefined && new RegExp(pattern).test(said);
  return holds ? [] : [`${path}: ${show(found)}, and not ${show(wanted)}`];
}

/** Whether each of the events comes, in their order. */
export function missingEvents(wanted: readonly unknown[], found: readonly unknown[]): string[] {
  let next = 0;
  for (const event of found) if (next < wanted.length && differences(wanted[next], event).length === 0) next += 1;
  return wanted.slice(next).map((event) => `no event ${show(event)} in ${show(found)}`);
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? 'nothing';
}
