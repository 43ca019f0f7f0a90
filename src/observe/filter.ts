import type { Flow, FlowEnd, FlowFilter } from '../model/index.ts';

type Test = (flow: Flow) => boolean;

/** Compiled once a reader; undefined for a filter that asks for nothing. */
export function compileFilter(filter: FlowFilter): Test | undefined {
  const tests: Test[] = [
    ...any(filter.fromPod, (wanted) => (flow) => isPod(flow.source, wanted)),
    ...any(filter.toPod, (wanted) => (flow) => isPod(flow.destination, wanted)),
    ...any(filter.pod, (wanted) => (flow) => isPod(flow.source, wanted) || isPod(flow.destination, wanted)),
    ...any(filter.namespace, (name) => (flow) => flow.source.namespace === name || flow.destination.namespace === name),
    ...any(filter.fromLabel, (wanted) => (flow) => hasLabel(flow.source, wanted)),
    ...any(filter.toLabel, (wanted) => (flow) => hasLabel(flow.destination, wanted)),
    ...any(filter.fromIdentity, (id) => (flow) => flow.source.identity === id),
    ...any(filter.toIdentity, (id) => (flow) => flow.destination.identity === id),
    ...any(filter.verdict, (verdict) => (flow) => flow.verdict === verdict),
    ...any(filter.type, (type) => (flow) => flow.type === type),
    ...any(filter.reason, (reason) => (flow) => flow.dropReason === reason),
    ...any(filter.port, (port) => (flow) => flow.source.port === port || flow.destination.port === port),
    ...any(filter.protocol, (wanted) => (flow) => flow.protocol.toLowerCase() === wanted.toLowerCase()),
  ];
  return tests.length === 0 ? undefined : (flow) => tests.every((test) => test(flow));
}

/** Every flow that the filter lets through has an end in one of these; undefined: it may be any. */
export function namespacesOf({ namespace, pod, fromPod, toPod }: FlowFilter): readonly string[] | undefined {
  const ofPods = [pod, fromPod, toPod].find((wanted) => wanted !== undefined && wanted.length > 0);
  if (namespace !== undefined && namespace.length > 0) return namespace;
  return ofPods?.map((wanted) => (wanted.includes('/') ? wanted.slice(0, wanted.indexOf('/')) : 'default'));
}

/** One test that holds when one of the values does; none when the field was not given. */
function any<V>(values: readonly V[] | undefined, make: (value: V) => Test): Test[] {
  if (values === undefined || values.length === 0) return [];
  const tests = values.map(make);
  return [(flow) => tests.some((test) => test(flow))];
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
