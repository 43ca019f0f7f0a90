import type { Members } from '../../identity/index.ts';
import {
  type Direction,
  type IdentityId,
  type NamedPort,
  type PolicyEntry,
  type PolicyTableValue,
  type RuleId,
} from '../../model/index.ts';
import { protocolName } from '../../net/index.ts';
import type { Claim, ProtocolPorts } from './flatten.ts';
import { precedenceOf, TIERS } from './precedence.ts';

/** An entry that selects the subject, with its peers as identities. */
export type BoundEntry = {
  readonly entry: PolicyEntry;
  readonly rule: RuleId;
  /** The union of these sets; ignored when `entry.peers` is `any`. */
  readonly peers: readonly Members[];
  /** For egress to `any` peers by port name: the identities that have a port of one of the names. */
  readonly named: readonly Members[];
};

/** How names of ports become numbers. */
export type PortNames = {
  readonly direction: Direction;
  /** The subject's own named ports: ingress. */
  readonly namedPorts: readonly NamedPort[];
  /** A peer's named ports: egress. */
  readonly namedPortsOf: (peer: IdentityId) => readonly NamedPort[];
};

/** What one entry claims about everybody, and about each peer of its sets. */
export class EntryClaims {
  readonly everybody: Claim | undefined;
  readonly sets: readonly Members[];
  readonly #of: (peer: IdentityId) => Claim | undefined;

  constructor({ entry, rule, peers, named }: BoundEntry, names: PortNames) {
    const precedence = precedenceOf(entry);
    const { verdict } = entry;
    const value: PolicyTableValue | undefined = verdict === 'pass' ? undefined : { verdict, precedence, rule };
    const make = (ports: Claim['ports']): Claim | undefined =>
      ports?.length === 0 ? undefined : { precedence, tier: TIERS.indexOf(entry.tier), value, ports };
    const toNames = names.direction === 'egress' && hasNames(entry);

    if (!toNames) {
      const own = make(resolvePorts(entry, names.namedPorts));
      this.everybody = entry.peers === 'any' ? own : undefined;
      this.sets = entry.peers === 'any' || own === undefined ? [] : peers;
      this.#of = () => own;
      return;
    }
    this.everybody = entry.peers === 'any' ? make(resolvePorts(entry, [])) : undefined;
    this.sets = entry.peers === 'any' ? named : peers;
    // The number behind a name is the destination's business: one claim for each distinct answer.
    const answers = new Map<string, Claim | undefined>();
    this.#of = (peer) => {
      const ports = resolvePorts(entry, names.namedPortsOf(peer)) ?? [];
      const key = ports.map(({ protocol, range }) => `${protocol}/${range.from}-${range.to}`).join();
      if (!answers.has(key)) answers.set(key, make(ports));
      return answers.get(key);
    };
  }

  /** Claims of one entry about peers with the same ports are one object. */
  about(peer: IdentityId): Claim | undefined {
    return this.#of(peer);
  }

  concerns(peer: IdentityId): boolean {
    return this.sets.some((set) => set.has(peer));
  }
}

export function hasNames({ ports }: PolicyEntry): boolean {
  return ports !== 'any' && ports.some((port) => 'name' in port);
}

/** Ports as numbers; a name gives every port of that name and protocol, or none. */
function resolvePorts({ ports }: PolicyEntry, named: readonly NamedPort[]): readonly ProtocolPorts[] | undefined {
  if (ports === 'any') return undefined;
  return ports.flatMap((port): ProtocolPorts[] => {
    if (!('name' in port)) return [{ protocol: port.protocol, range: { from: port.from, to: port.to } }];
    const protocol = protocolName(port.protocol);
    return named
      .filter((candidate) => candidate.name === port.name && candidate.protocol === protocol)
      .map((found) => ({ protocol: port.protocol, range: { from: found.port, to: found.port } }));
  });
}
