import { escapeText } from '../../base/index.ts';
import { DROP_REASON_TEXTS, type Flow, type FlowDenial } from '../../model/index.ts';

/** Policies that are named; of more it is said how many. */
const NAMED = 2;

/** One line for people, whatever tenants have named things: what was seen, by which rule, or why not and what came nearest. */
export function summaryOf(flow: Flow): string {
  return escapeText(flow.verdict === 'dropped' ? droppedText(flow) : passedText(flow));
}

function passedText({ tcpFlags, protocol, type, rules }: Flow): string {
  const seen = tcpFlags.length === 0 ? protocol : `${protocol} Flags: ${tcpFlags.join(', ')}`;
  const by = [...new Set([rules.egress, rules.ingress])].filter((rule) => rule !== undefined);
  const what = { open: '', renew: '; judged anew', close: '; closed', drop: '' }[type];
  return `${seen}${what}${by.length === 0 ? '' : `; allowed by ${by.join(' and ')}`}`;
}

function droppedText(flow: Flow): string {
  const { dropReason = 'none', denial, rules } = flow;
  if (denial !== undefined) return deniedText(denial);
  const by = rules.egress ?? rules.ingress;
  const text = Object.hasOwn(DROP_REASON_TEXTS, dropReason)
    ? DROP_REASON_TEXTS[dropReason as keyof typeof DROP_REASON_TEXTS].text
    : dropReason;
  return `${dropReason}: ${text}${by === undefined ? '' : `, by ${by}`}`;
}

/** `denied ingress: 2 policies isolate it (NetworkPolicy a/web, ...); nearest NetworkPolicy a/allow-web wants port 9090` */
function deniedText({ direction, by, policies, reason, nearestMiss, judged }: FlowDenial): string {
  const why = by === 'policies' ? isolated(policies) : by === 'rule' ? `by ${named(policies)}` : reason;
  const nearest = nearestMiss === undefined ? '' : `; nearest ${nearestMiss.policy} wants ${nearestMiss.wants}`;
  const then = judged === 'later' ? '; by the policies of now' : '';
  return `denied ${direction}: ${why}${nearest}${then}`;
}

function isolated(policies: readonly string[]): string {
  return policies.length === 1
    ? `${policies[0]} isolates it`
    : `${policies.length} policies isolate it (${named(policies)})`;
}

function named(policies: readonly string[]): string {
  const more = policies.length - NAMED;
  return [...policies.slice(0, NAMED), ...(more > 0 ? [`${more} more`] : [])].join(', ');
}
