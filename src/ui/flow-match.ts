import type { Flow, FlowEnd } from '../model/index.ts';
import { type Addr, isAddr, Prefix, parseAddr } from '../net/index.ts';
import { workloadOf } from './place.ts';
import type { Query, Term } from './query.ts';

export type FlowTest = (flow: Flow) => boolean;

export function flowTest({ alternatives }: Query): FlowTest {
  if (alternatives.length === 0) return () => true;
  const tests = alternatives.map((terms) => terms.map(termTest));
  return (flow) => tests.some((all) => all.every((test) => test(flow)));
}

function termTest({ field, values, not }: Term): FlowTest {
  const tests = values.map((value) => valueTest(field, value));
  return (flow) => tests.some((test) => test(flow)) !== not;
}

function valueTest(field: Term['field'], value: string): FlowTest {
  const either =
    (test: (end: FlowEnd) => boolean): FlowTest =>
    ({ source, destination }) =>
      test(source) || test(destination);
  switch (field) {
    case 'ns':
      return either(({ namespace }) => namespace === value);
    case 'pod':
      return either(endTest(value));
    case 'from': {
      const test = endTest(value);
      return ({ source }) => test(source);
    }
    case 'to': {
      const test = endTest(value);
      return ({ destination }) => test(destination);
    }
    case 'verdict':
      return ({ verdict }) => verdict === value;
    case 'type':
      return ({ type }) => type === value;
    case 'reason':
      return ({ dropReason }) => dropReason === value;
    case 'port': {
      const port = Number(value);
      return either((end) => end.port === port);
    }
    case 'proto': {
      const wanted = value.toUpperCase();
      return ({ protocol }) => protocol.toUpperCase() === wanted;
    }
    case 'label':
      return either(labelTest(value));
    case 'identity': {
      const identity = Number(value);
      return either((end) => end.identity === identity);
    }
    case 'node':
      return ({ node }) => node === value;
    case 'policy':
      return policyTest(value);
    case 'text': {
      const wanted = value.toLowerCase();
      return (flow) => wordsOf(flow).includes(wanted);
    }
  }
}

/** `namespace/name`, `namespace/`, `name`, a reserved name, an address or a CIDR; of a pod also its workload. */
function endTest(value: string): (end: FlowEnd) => boolean {
  if (isAddr(value)) {
    const addr = parseAddr(value);
    return (end) => end.addr === addr;
  }
  const within = prefixOf(value);
  if (within !== undefined) return ({ addr }) => isAddr(addr) && within.contains(addr as Addr);
  const slash = value.indexOf('/');
  if (slash < 0) {
    const named = nameTest(value);
    return ({ pod, labels }) => labels.includes(`reserved:${value}`) || (pod !== undefined && named(pod));
  }
  const namespace = nameTest(value.slice(0, slash));
  const rest = value.slice(slash + 1);
  const named = rest === '' ? () => true : nameTest(rest);
  return (end) => namespace(end.namespace ?? '') && (rest === '' || end.pod !== undefined) && named(end.pod ?? '');
}

function prefixOf(text: string): Prefix | undefined {
  if (!/^[0-9a-f.:]+\/\d+$/i.test(text)) return undefined;
  try {
    return Prefix.parse(text, { hostBits: 'clear' });
  } catch {
    return undefined;
  }
}

/** `*` is anything, the rest is meant as it is. */
function nameTest(value: string): (name: string) => boolean {
  if (!value.includes('*')) return (name) => name === value || workloadOf(name) === value;
  const parts = value.split(/\*+/);
  const [first = ''] = parts;
  const last = parts.at(-1) ?? '';
  // No pattern is compiled of what somebody sends: whoever sends it would choose how long it takes.
  return (name) => {
    if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false;
    let at = first.length;
    for (const part of parts.slice(1, -1)) {
      const found = name.indexOf(part, at);
      if (found < 0 || found + part.length > name.length - last.length) return false;
      at = found + part.length;
    }
    return true;
  };
}

function labelTest(value: string): (end: FlowEnd) => boolean {
  const key = value.includes('=') ? undefined : `${value}=`;
  const isIt = (label: string, at: number): boolean =>
    (label.length === at + value.length && label.startsWith(value, at)) ||
    (key !== undefined && label.startsWith(key, at));
  return ({ labels }) => labels.some((label) => isIt(label, 0) || isIt(label, label.indexOf(':') + 1));
}

function policyTest(value: string): FlowTest {
  return ({ rules, denial }) =>
    [rules.ingress, rules.egress, denial?.nearestMiss?.policy, ...(denial?.policies ?? [])].some((text) =>
      text?.includes(value),
    );
}

/** For all words that are looked for, and all who look. */
const WORDS = new WeakMap<Flow, string>();

function wordsOf(flow: Flow): string {
  const known = WORDS.get(flow);
  if (known !== undefined) return known;
  const words = textsOf(flow).join('\n').toLowerCase();
  WORDS.set(flow, words);
  return words;
}

function textsOf({ source, destination, dropReason, denial, rules, protocol, node }: Flow): string[] {
  const ofEnd = ({ addr, namespace = '', pod = '', labels }: FlowEnd) => [`${namespace}/${pod}`, addr, ...labels];
  const why = [dropReason, denial?.reason, denial?.nearestMiss?.policy, rules.ingress, rules.egress];
  return [...ofEnd(source), ...ofEnd(destination), ...why, protocol, node].filter((text) => text !== undefined);
}
