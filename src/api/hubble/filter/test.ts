import type { Flow } from '../../../model/index.ts';

/** Whether a flow is wanted. It may be read a field at a time: what is not asked for costs nothing. */
export type FlowTest = (flow: Flow) => boolean;

export const NEVER: FlowTest = () => false;

/** One test that holds when one of the values does; none when there are no values. */
export function anyOf<V>(values: readonly V[], make: (value: V) => FlowTest): FlowTest[] {
  if (values.length === 0) return [];
  const tests = values.map(make);
  return [(flow) => tests.some((test) => test(flow))];
}

/** Of what our flows have not: it is wanted, so none matches. */
export function absent(values: readonly unknown[]): FlowTest[] {
  return values.length === 0 ? [] : [NEVER];
}
