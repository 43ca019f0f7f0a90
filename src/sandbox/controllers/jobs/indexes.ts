import { type JsonObject, type KubeObject, listAt, objectAt, stringAt } from '../../apiserver/index.ts';

/** Label and annotation of a pod of an indexed job. */
export const INDEX = 'batch.kubernetes.io/job-completion-index';
const VARIABLE = 'JOB_COMPLETION_INDEX';

/** Undefined: the pod has none. */
export function indexOf(pod: KubeObject): number | undefined {
  const text = stringAt(pod, 'metadata', 'annotations', INDEX) ?? '';
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

/** As a status has them: `1,3-5,7,8`. */
export function parseIndexes(text: string): Set<number> {
  const found = new Set<number>();
  for (const part of text.split(',').filter(Boolean)) {
    const [first = '', last = first] = part.split('-');
    for (let index = Number(first); index <= Number(last); index += 1) found.add(index);
  }
  return found;
}

export function formatIndexes(indexes: Iterable<number>): string {
  const ranges: [first: number, last: number][] = [];
  for (const index of [...indexes].toSorted((a, b) => a - b)) {
    const open = ranges.at(-1);
    if (open !== undefined && open[1] + 1 === index) open[1] = index;
    else ranges.push([index, index]);
  }
  const words = ranges.map(([first, last]) => {
    return first === last ? String(first) : `${first}${last === first + 1 ? ',' : '-'}${last}`;
  });
  return words.join(',');
}

/** The lowest that are neither done nor being worked on. */
export function freeIndexes(completions: number, taken: ReadonlySet<number>, count: number): number[] {
  const free: number[] = [];
  for (let index = 0; index < completions && free.length < count; index += 1) if (!taken.has(index)) free.push(index);
  return free;
}

/** Tells a pod which part of the work is its own: by its names, a label, an annotation and a variable. */
export function setIndex(pod: JsonObject, job: string, index: number): void {
  const metadata = objectAt(pod, 'metadata');
  const spec = objectAt(pod, 'spec');
  if (metadata === undefined || spec === undefined) return;
  metadata['generateName'] = `${job}-${index}-`;
  for (const map of ['labels', 'annotations'] as const) {
    metadata[map] = { ...objectAt(metadata, map), [INDEX]: String(index) };
  }
  spec['hostname'] = `${job}-${index}`;
  const fieldRef = { fieldPath: `metadata.annotations['${INDEX}']` };
  for (const container of [...listAt(spec, 'initContainers'), ...listAt(spec, 'containers')]) {
    const own = container as JsonObject;
    const env = listAt(own, 'env');
    if (env.some((variable) => stringAt(variable, 'name') === VARIABLE)) continue;
    own['env'] = [...env, { name: VARIABLE, valueFrom: { fieldRef } }];
  }
}
