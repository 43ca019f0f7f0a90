import type { Flow, FlowEnd, FlowFilter } from '../model/index.ts';

type Test = (flow: Flow) => boolean;
type Wanted = { readonly [Field in keyof FlowFilter]-?: NonNullable<FlowFilter[Field]>[number] };
type Has<Field extends keyof Wanted> = (flow: Flow, wanted: Wanted[Field]) => boolean;

/** Of every field, when a flow has one of its values: a field that nobody read would hold for every flow. */
const HAS: { readonly [Field in keyof Wanted]: Has<Field> } = {
  fromPod: ({ source }, wanted) => isPod(source, wanted),
  toPod: ({ destination }, wanted) => isPod(destination, wanted),
  pod: ({ source, destination }, wanted) => isPod(source, wanted) || isPod(destination, wanted),
  namespace: ({ source, destination }, name) => source.namespace === name || destination.namespace === name,
  fromLabel: ({ source }, wanted) => hasLabel(source, wanted),
  toLabel: ({ destination }, wanted) => hasLabel(destination, wanted),
  fromIdentity: ({ source }, id) => source.identity === id,
  toIdentity: ({ destination }, id) => destination.identity === id,
  verdict: ({ verdict }, wanted) => verdict === wanted,
  type: ({ type }, wanted) => type === wanted,
  reason: ({ dropReason }, wanted) => dropReason === wanted,
  port: ({ source, destination }, port) => source.port === port || destination.port === port,
  protocol: ({ protocol }, wanted) => protocol.toLowerCase() === wanted.toLowerCase(),
};

/** Compiled once a reader; undefined for a filter that asks for nothing. */
export function compileFilter(filter: FlowFilter): Test | undefined {
  const tests = (Object.keys(HAS) as (keyof Wanted)[]).flatMap((field) => testOf(filter, field));
  return tests.length === 0 ? undefined : (flow) => tests.every((test) => test(flow));
}

/** Every flow that the filter lets through has an end in one of these; undefined: it may be any. */
export function namespacesOf({ namespace, pod, fromPod, toPod }: FlowFilter): readonly string[] | undefined {
  const ofPods = [pod, fromPod, toPod].find((wanted) => wanted !== undefined && wanted.length > 0);
  if (namespace !== undefined && namespace.length > 0) return namespace;
  return ofPods?.map((wanted) => (wanted.includes('/') ? wanted.slice(0, wanted.indexOf('/')) : 'default'));
}

/** One test that holds when one of the values does; none when the field was not given. */
function testOf<Field extends keyof Wanted>(filter: FlowFilter, field: Field): Test[] {
  const values = filter[field] as readonly Wanted[Field][] | undefined;
  if (values === undefined || values.length === 0) return [];
  const has: Has<Field> = HAS[field];
  return [(flow) => values.some((value) => has(flow, value))];
}

/** `namespace/name`; `namespace/` is every pod of it; a name without a namespace is a pod of `default`. */
function isPod(end: FlowEnd, wanted: string): boolean {
  if (end.pod === undefined || end.namespace === undefined) return false;
  const slash = wanted.indexOf('/');
  if (slash === -1) return end.namespace === 'default' && end.pod === wanted;
  const name = wanted.slice(slash + 1);
  return end.namespace === wanted.slice(0, slash) && (name === '' || end.pod === name);
}

/** `source:key=value`, or without the source, or without the value. */
function hasLabel(end: FlowEnd, wanted: string): boolean {
  return end.labels.some((label) => {
    if (label === wanted || label.startsWith(`${wanted}=`)) return true;
    const bare = label.slice(label.indexOf(':') + 1);
    return bare === wanted || bare.startsWith(`${wanted}=`);
  });
}
