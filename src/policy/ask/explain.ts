import {
  type Decision,
  formatOrigin,
  formatSelector,
  type PeerSelector,
  type PolicyEntry,
  type PortSpec,
  type RuleOrigin,
  selectorMatches,
} from '../../model/index.ts';
import { PROTOCOL_NUMBERS, protocolName } from '../../net/index.ts';
import type { PolicySettings } from '../settings.ts';
import { concerns, destinationPorts, hasCidr, judge, peerMatches, portMatches, type Question } from './oracle.ts';
import type { Party } from './party.ts';

/** One condition of a rule that did not hold. */
export type Failed = {
  readonly condition: 'peer' | 'namespace' | 'pod' | 'address' | 'protocol' | 'port';
  readonly expected: string;
  readonly found: string;
};

/** The rule that would have allowed, had the fewest of its conditions failed. */
export type NearestMiss = { readonly origin: RuleOrigin; readonly failed: readonly Failed[] };

export type Explanation = Decision & {
  /** One sentence. */
  readonly text: string;
  /** Only where the subject was isolated and no rule allowed. */
  readonly nearestMiss?: NearestMiss;
};

export function explain(entries: readonly PolicyEntry[], settings: PolicySettings, question: Question): Explanation {
  const decision = judge(entries, settings, question);
  const text = describe(decision, question) + closedText(entries, decision, question);
  if (decision.reason.kind !== 'isolated') return { ...decision, text };
  const miss = nearestMiss(entries, settings, question);
  if (miss === undefined) return { ...decision, text };
  return { ...decision, text, nearestMiss: miss };
}

function describe({ verdict, reason }: Decision, { direction }: Question): string {
  switch (reason.kind) {
    case 'rule':
      return `${verdict === 'allow' ? 'allowed' : 'denied'} by ${formatOrigin(reason.origin)}`;
    case 'isolated':
      return reason.by.length === 0
        ? `denied by default: enforcement is "always" and no ${direction} rule allows it`
        : `denied by default: ${reason.by.map(formatOrigin).join(', ')} isolates the pod and no ${direction} rule allows it`;
    case 'not-isolated':
      return `allowed by default: no policy isolates the pod for ${direction}`;
    case 'localhost':
      return 'allowed by default: a node reaches its own pods (allowLocalhost)';
    case 'not-enforced':
      return 'allowed: enforcement is "never"';
  }
}

const CLOSED = { unreadable: 'cannot be read', 'no-room': 'has no room for its peers' } as const;

/** A rule that is closed may be what was meant to allow. */
function closedText(entries: readonly PolicyEntry[], { reason }: Decision, question: Question): string {
  if (reason.kind !== 'isolated') return '';
  const [first, ...others] = entries.filter((entry) => entry.closed !== undefined && concerns(entry, question));
  if (first?.closed === undefined) return '';
  const more = others.length === 0 ? '' : `, and ${others.length} more of its kind`;
  return `; ${formatOrigin(first.origin)} ${CLOSED[first.closed]} and admits nobody${more}`;
}

export function nearestMiss(
  entries: readonly PolicyEntry[],
  settings: PolicySettings,
  question: Question,
): NearestMiss | undefined {
  return entries
    .filter((entry) => entry.verdict === 'allow' && concerns(entry, question))
    .flatMap((entry): NearestMiss[] => {
      const failed =
        entry.peers === 'any'
          ? portsFailures(entry, question)
          : fewest(entry.peers.flatMap((selector) => selectorFailures(entry, selector, settings, question)));
      return failed === undefined ? [] : [{ origin: entry.origin, failed }];
    })
    .filter(({ failed }) => failed.length > 0)
    .reduce<NearestMiss | undefined>(
      (best, miss) => (best && best.failed.length <= miss.failed.length ? best : miss),
      undefined,
    );
}

/** What fails of the entry with this one of its peers; nothing for a list of ports that is empty. */
function selectorFailures(
  entry: PolicyEntry,
  selector: PeerSelector,
  settings: PolicySettings,
  question: Question,
): Failed[][] {
  const byAddress = question.direction === 'egress' && selector.kind === 'prefix';
  const ports = portsFailures(entry, question, byAddress);
  return ports === undefined ? [] : [[...peerFailures(selector, settings, question.peer), ...ports]];
}

function portsFailures({ ports }: PolicyEntry, question: Question, byAddress = false): Failed[] | undefined {
  if (ports === 'any') return [];
  return fewest(
    ports.map((spec) => (byAddress && 'name' in spec ? [nameFailure(spec, question)] : portFailures(spec, question))),
  );
}

/** See `covers` in oracle.ts. */
function nameFailure({ name }: { name: string }, { port }: Question): Failed {
  return {
    condition: 'port',
    expected: `a number, since addresses of an ipBlock have no port "${name}"`,
    found: `${port}`,
  };
}

/** undefined for an empty list: nothing could have made such a rule match. */
function fewest(alternatives: readonly Failed[][]): Failed[] | undefined {
  return alternatives.reduce<Failed[] | undefined>(
    (best, failed) => (best && best.length <= failed.length ? best : failed),
    undefined,
  );
}

function peerFailures(selector: PeerSelector, settings: PolicySettings, party: Party): Failed[] {
  if (peerMatches(selector, settings, party)) return [];
  switch (selector.kind) {
    case 'entity':
      return [{ condition: 'peer', expected: selector.entity, found: partyText(party) }];
    case 'prefix': {
      const expected = [selector.prefix.toString(), ...selector.except.map((hole) => `not ${hole.toString()}`)].join(
        ' and ',
      );
      const found = partyText(party);
      // Two conditions when CIDRs do not select such parties: matching the address would not have been enough.
      const kind: Failed[] = hasCidr(settings, party)
        ? []
        : [{ condition: 'peer', expected: 'an address outside the cluster', found }];
      return [...kind, { condition: 'address', expected, found }];
    }
    case 'pods': {
      const { name, selector: namespaces } = selector.namespace;
      if (party.kind !== 'pod') {
        const where = name === undefined ? 'a pod' : `a pod of namespace ${name}`;
        return [
          { condition: 'peer', expected: where, found: partyText(party) },
          { condition: 'pod', expected: formatSelector(selector.pods), found: 'no labels' },
        ];
      }
      const { namespace, namespaceLabels, labels } = party.workload;
      const failed: Failed[] = [];
      if (name !== undefined && name !== namespace)
        failed.push({ condition: 'namespace', expected: name, found: namespace });
      if (namespaces !== undefined && !selectorMatches(namespaces, namespaceLabels)) {
        failed.push({
          condition: 'namespace',
          expected: formatSelector(namespaces),
          found: labelsText(namespaceLabels),
        });
      }
      if (!selectorMatches(selector.pods, labels)) {
        failed.push({ condition: 'pod', expected: formatSelector(selector.pods), found: labelsText(labels) });
      }
      return failed;
    }
  }
}

function portFailures(spec: PortSpec, question: Question): Failed[] {
  if (portMatches(spec, question)) return [];
  const protocol: Failed[] =
    spec.protocol === question.protocol
      ? []
      : [{ condition: 'protocol', expected: protocolName(spec.protocol), found: protocolName(question.protocol) }];
  const sameNumber = portMatches(spec, { ...question, protocol: spec.protocol });
  // Where the protocol is another the number may be no port: of ICMP it is a type.
  if (sameNumber || (protocol.length > 0 && !hasPorts(question.protocol))) return protocol;
  return [...protocol, { condition: 'port', expected: portText(spec, question), found: String(question.port) }];
}

function hasPorts(protocol: number): boolean {
  const withPorts: readonly number[] = [PROTOCOL_NUMBERS.TCP, PROTOCOL_NUMBERS.UDP, PROTOCOL_NUMBERS.SCTP];
  return withPorts.includes(protocol);
}

function portText(spec: PortSpec, question: Question): string {
  if (!('name' in spec)) return spec.from === spec.to ? String(spec.from) : `${spec.from}-${spec.to}`;
  const named = destinationPorts(question).filter(
    ({ name, protocol }) => name === spec.name && protocol === protocolName(spec.protocol),
  );
  return named.length === 0
    ? `"${spec.name}", which the destination does not name`
    : `"${spec.name}" (${named.map(({ port }) => port).join(', ')})`;
}

function partyText(party: Party): string {
  const at = party.addr === undefined ? '' : ` ${party.addr}`;
  switch (party.kind) {
    case 'pod':
      return `pod of namespace ${party.workload.namespace}${at}`;
    case 'node':
      return `${party.role}${at}`;
    case 'world':
      return `world${at}`;
  }
}

function labelsText(labels: ReadonlyMap<string, string>): string {
  return labels.size === 0
    ? 'no labels'
    : Array.from(labels, ([key, value]) => `${key}=${value}`)
        .sort()
        .join(', ');
}
