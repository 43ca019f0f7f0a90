import { type PolicyEntry, policyKey } from '../../model/index.ts';
import type { Prefix } from '../../net/index.ts';
import { peerField } from './fields.ts';
import type { LintRule } from './finding.ts';

/** Rules are a union: what one leaves out and another admits is admitted. */
export const exceptWithoutEffect: LintRule = ({ policies }) =>
  policies.flatMap(({ policy, entries }) =>
    entries.flatMap((entry) =>
      entry.peers === 'any'
        ? []
        : entry.peers.flatMap((peer, index) => {
            if (peer.kind !== 'prefix') return [];
            return peer.except.flatMap((hole, at) => {
              const by = admittedBy(hole, entry, entries);
              if (by === undefined) return [];
              return [
                {
                  severity: 'warning' as const,
                  object: policyKey(policy),
                  field: `${peerField(entry, index)}.ipBlock.except[${at}]`,
                  why: `${hole.toString()} is left out here, and admitted by ${by}`,
                  remedy:
                    'Leave it out there as well: rules and peers are a union, and no rule takes back what another allows.',
                },
              ];
            });
          }),
    ),
  );

/** The peer that admits all of the hole anyway, on at least these ports. */
function admittedBy(hole: Prefix, entry: PolicyEntry, entries: readonly PolicyEntry[]): string | undefined {
  for (const other of entries) {
    if (other.direction !== entry.direction || other.verdict !== 'allow' || !hasPortsOf(other, entry)) continue;
    if (other.peers === 'any')
      return `${other.origin.rule === undefined ? 'spec' : `rule ${other.origin.rule}`}, which admits everybody`;
    const index = other.peers.findIndex(
      (peer) =>
        peer.kind === 'prefix' && peer.prefix.contains(hole) && !peer.except.some((left) => overlap(left, hole)),
    );
    if (index >= 0) return peerField(other, index);
  }
  return undefined;
}

function hasPortsOf(other: PolicyEntry, entry: PolicyEntry): boolean {
  return other.ports === 'any' || JSON.stringify(other.ports) === JSON.stringify(entry.ports);
}

function overlap(a: Prefix, b: Prefix): boolean {
  return a.contains(b) || b.contains(a);
}
