import type { Flow, FlowEnd } from '../../src/model/flow.ts';
import { term } from '../../src/ui/query.ts';

export const number = (value: number): string => value.toLocaleString('en');

const two = (value: number): string => String(value).padStart(2, '0');

export function clock(ms: number, { fraction = false } = {}): string {
  const at = new Date(ms);
  const text = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return fraction ? `${text}.${String(at.getMilliseconds()).padStart(3, '0')}` : text;
}

/** `shop/web`, `world 192.0.2.1`, an address. */
export function endName({ namespace, pod, labels, addr }: FlowEnd): string {
  if (namespace !== undefined && pod !== undefined) return `${namespace}/${pod}`;
  const reserved = labels.find((label) => label.startsWith('reserved:'))?.slice('reserved:'.length);
  return [reserved, addr].filter((part) => part !== undefined && part !== '').join(' ') || 'unknown';
}

/** Terms that this end fulfils. */
export function endTerm(field: 'from' | 'to' | 'pod', { namespace, pod, labels, addr }: FlowEnd): string {
  if (namespace !== undefined && pod !== undefined) return term(field, `${namespace}/${pod}`);
  const reserved = labels.find((label) => label.startsWith('reserved:'))?.slice('reserved:'.length);
  return term(field, addr === '' ? (reserved ?? 'unknown') : addr);
}

export function portOf({ destination, source, isReply, protocol }: Flow): string {
  const port = isReply ? source.port : destination.port;
  return port === undefined ? protocol : `${port}/${protocol}`;
}

/** Who decided, in a line. */
export function decidedBy({ verdict, denial, rules, dropReason }: Flow): string {
  if (verdict === 'dropped') {
    const miss = denial?.nearestMiss;
    if (miss !== undefined)
      return `${denial?.policies.length ?? 0} isolate; nearest ${miss.policy} wants ${miss.wants}`;
    return denial?.reason ?? dropReason ?? '';
  }
  return [rules.egress, rules.ingress].filter((rule) => rule !== undefined).join(' · ') || 'no policy selects it';
}
