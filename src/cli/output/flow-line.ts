import { namespacedName } from '../../base/index.ts';
import type { Direction, Flow, FlowDenial, FlowEnd } from '../../model/index.ts';
import { escapeText } from './escape.ts';
import type { Output } from './output.ts';

/** `time verdict source (identity) -> destination (identity) protocol why`, one line whatever the names contain. */
export function flowLine(out: Output, flow: Flow): string {
  const time = out.tone('dim', clockTime(flow.time));
  const verdict = VERDICT[flow.type];
  const word = out.tone(verdict.tone, verdict.word.padEnd(7));
  const flags = flow.tcpFlags.length === 0 ? '' : ` ${flow.tcpFlags.join(',')}`;
  const ends = `${endText(flow.source)} -> ${endText(flow.destination)}`;
  const reply = flow.isReply ? ' reply' : '';
  return `${time} ${word} ${ends} ${escapeText(flow.protocol)}${flags}${reply}${why(out, flow)}`;
}

const VERDICT = {
  open: { word: 'allowed', tone: 'good' },
  renew: { word: 'renewed', tone: 'good' },
  close: { word: 'closed', tone: 'dim' },
  drop: { word: 'DROPPED', tone: 'bad' },
} as const;

function endText(end: FlowEnd): string {
  const name =
    end.pod !== undefined && end.namespace !== undefined
      ? namespacedName({ namespace: end.namespace, name: end.pod })
      : undefined;
  const who = end.identity === 0 ? 'unknown' : (reservedName(end) ?? String(end.identity));
  return `${endpointText({ addr: name ?? end.addr, port: end.port ?? 0 })} (${escapeText(who)})`;
}

/** `world` says more than `2`. */
function reservedName(end: FlowEnd): string | undefined {
  const label = end.labels.find((one) => one.startsWith('reserved:'));
  return label?.slice('reserved:'.length);
}

/** `a/b:80`, `10.0.0.1:80`, `[2001:db8::1]:80` */
export function endpointText({ addr, port }: { addr: string; port: number }): string {
  const text = escapeText(addr);
  if (port === 0) return text;
  return text.includes(':') && !text.includes('/') ? `[${text}]:${port}` : `${text}:${port}`;
}

function why(out: Output, flow: Flow): string {
  const reason =
    shadowText(out, flow) + (flow.dropReason === undefined ? '' : ` ${out.tone('bad', escapeText(flow.dropReason))}`);
  // What one end allows is not why the other end's policies dropped it.
  const side = flow.denial?.direction ?? REFUSER[flow.dropReason ?? ''];
  const sides = side === undefined ? (['egress', 'ingress'] as const) : [side];
  const rules = sides.flatMap((direction) => flow.rules[direction] ?? []).map(escapeText);
  if (rules.length > 0) return `${reason} by ${[...new Set(rules)].join(' and ')}`;
  return reason + (flow.denial === undefined ? '' : denialText(flow.denial));
}

function shadowText(out: Output, { shadow }: Flow): string {
  if (shadow === undefined) return '';
  const [by] = shadow.policies ?? [];
  const staged = by === undefined ? '' : ` by staged ${escapeText(by)}`;
  return ` ${out.tone('warn', `${shadow.change} ${escapeText(shadow.reason)}${staged}`)}`;
}

/** Whose policies refused it. */
const REFUSER: Readonly<Record<string, Direction>> = { 'policy-egress': 'egress', 'policy-ingress': 'ingress' };

/** Characters of what a rule wants; `-o json` has all of it. */
const WANTS = 60;

/** The shortest that tells where to look: the rule that came nearest, else what isolates. */
function denialText({ by, policies, reason, nearestMiss }: FlowDenial): string {
  if (nearestMiss !== undefined) {
    const { policy, wants } = nearestMiss;
    const short = wants.length > WANTS ? `${wants.slice(0, WANTS)}...` : wants;
    return `, nearest: ${escapeText(policy)} wants ${escapeText(short)}`;
  }
  const [first, ...more] = policies;
  if (first !== undefined) return ` by ${escapeText(first)}${more.length === 0 ? '' : ` and ${more.length} more`}`;
  return by === 'enforcement' ? ' by policyEnforcement "always"' : `: ${escapeText(reason)}`;
}

/** Local time of day, milliseconds: what a person compares with a clock; `-o json` has the date. */
function clockTime(ms: number): string {
  const date = new Date(ms);
  const two = (n: number) => String(n).padStart(2, '0');
  const millis = String(date.getMilliseconds()).padStart(3, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${millis}`;
}
