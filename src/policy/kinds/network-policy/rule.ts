import { EVERYTHING, type PeerSelector, type PortSpec } from '../../../model/index.ts';
import { PROTOCOL_NUMBERS, type Prefix, parseSloppyCidr } from '../../../net/index.ts';
import { inside, listOf, members, type Place, readSelector, textOf, unreadable } from '../reading/index.ts';

export type Rule = {
  readonly peers: 'any' | readonly PeerSelector[];
  readonly ports: 'any' | readonly PortSpec[];
};

/** One rule; `side` is the name of its list of peers. undefined when any part of it cannot be read. */
export function readRule(value: unknown, place: Place, side: 'from' | 'to', home: string): Rule | undefined {
  const given = members(value, place, [side, 'ports']);
  const peers = listOf(given?.[side], inside(place, side), (peer, at) => readPeer(peer, at, home));
  const ports = listOf(given?.ports, inside(place, 'ports'), readPort);
  if (given === undefined || peers === undefined || ports === undefined) return undefined;
  // To Kubernetes an empty list of peers or ports is the same as none: no restriction.
  return { peers: peers.length > 0 ? peers : 'any', ports: ports.length > 0 ? ports : 'any' };
}

function readPeer(value: unknown, place: Place, home: string): PeerSelector | undefined {
  const given = members(value, place, ['podSelector', 'namespaceSelector', 'ipBlock']);
  if (given === undefined) return undefined;
  const { podSelector, namespaceSelector, ipBlock } = given;
  const isBlock = ipBlock !== undefined;
  const isPods = podSelector !== undefined || namespaceSelector !== undefined;
  if (isBlock && isPods) return unreadable(place, undefined, 'ipBlock must stand alone in its peer');
  if (isBlock) return readBlock(ipBlock, inside(place, 'ipBlock'));
  if (!isPods) return unreadable(place, undefined, 'must have podSelector, namespaceSelector or ipBlock');
  const pods = readSelector(podSelector, inside(place, 'podSelector'));
  const namespaces = readSelector(namespaceSelector, inside(place, 'namespaceSelector'));
  if (pods === undefined || namespaces === undefined) return undefined;
  const namespace = namespaceSelector === undefined ? { name: home } : { selector: namespaces };
  return { kind: 'pods', namespace, pods: podSelector === undefined ? EVERYTHING : pods };
}

/** An `except` outside its block takes nothing away; servers that check that differ in how. */
function readBlock(value: unknown, place: Place): PeerSelector | undefined {
  const given = members(value, place, ['cidr', 'except']);
  if (given === undefined) return undefined;
  const prefix = readPrefix(given.cidr, inside(place, 'cidr'));
  const except = listOf(given.except, inside(place, 'except'), readPrefix);
  return prefix === undefined || except === undefined ? undefined : { kind: 'prefix', prefix, except };
}

function readPrefix(value: unknown, place: Place): Prefix | undefined {
  const text = textOf(value, place);
  if (text === undefined) return undefined;
  const prefix = parseSloppyCidr(text)?.prefix;
  return prefix ?? unreadable(place, text, 'must be a prefix like 10.9.8.0/24 or 2001:db8::/64');
}

const PROTOCOLS = ['TCP', 'UDP', 'SCTP'] as const;

function readPort(value: unknown, place: Place): PortSpec | undefined {
  const given = members(value, place, ['protocol', 'port', 'endPort']);
  if (given === undefined) return undefined;
  const { protocol: wanted = 'TCP', port, endPort } = given;
  const name = PROTOCOLS.find((known) => known === wanted);
  if (name === undefined) return unreadable(inside(place, 'protocol'), wanted, `must be ${PROTOCOLS.join(', ')}`);
  const protocol = PROTOCOL_NUMBERS[name];
  if (port === undefined) {
    if (endPort === undefined) return { protocol, from: 0, to: 0xffff };
    return unreadable(inside(place, 'endPort'), endPort, 'must not be given without `port`');
  }
  if (typeof port === 'string') {
    if (endPort !== undefined) return unreadable(inside(place, 'endPort'), endPort, 'must not follow a name');
    if (/[a-z]/i.test(port)) return { protocol, name: port };
    return unreadable(inside(place, 'port'), port, 'must be a number or the name of a port');
  }
  if (!isPort(port)) return unreadable(inside(place, 'port'), port, 'must be 1 to 65535');
  if (endPort === undefined) return { protocol, from: port, to: port };
  if (isPort(endPort) && endPort >= port) return { protocol, from: port, to: endPort };
  return unreadable(inside(place, 'endPort'), endPort, `must be ${port} to 65535`);
}

function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 0xffff;
}
