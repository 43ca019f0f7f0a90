import { type IdentityId, identityId } from './ids.ts';
import { type Direction, groupText, type PolicyRow, type PolicyTable } from './policy-table.ts';

/** A row as a human reads it: with the peer it is about (0 = any) in place of a group. */
export type PolicyTableRow = PolicyRow & { readonly direction: Direction; readonly peer: IdentityId };

/** Every peer's rows, spelled out. */
export function rowsOf(table: PolicyTable, direction: Direction): PolicyTableRow[] {
  const of = (group: number, peer: IdentityId): PolicyTableRow[] =>
    (table.groups[group] ?? []).map((row) => ({ ...row, direction, peer }));
  return [...of(0, identityId(0)), ...Array.from(table.peers).flatMap(([peer, group]) => of(group, peer))];
}

/** The table of one direction whose spelled-out rows are these; peers with equal rows share a group. */
export function tableOf(rows: readonly PolicyTableRow[], wanted: Direction): PolicyTable {
  const byPeer = new Map<IdentityId, PolicyRow[]>();
  for (const { direction, peer, ...row } of rows) {
    if (direction !== wanted) continue;
    const known = byPeer.get(peer);
    if (known === undefined) byPeer.set(peer, [row]);
    else known.push(row);
  }
  const groups: (readonly PolicyRow[])[] = [byPeer.get(identityId(0)) ?? []];
  const numbers = new Map<string, number>();
  const peers = new Map<IdentityId, number>();
  for (const [peer, own] of byPeer) {
    if (peer === 0) continue;
    const text = groupText(own);
    const number = numbers.get(text) ?? groups.push(own) - 1;
    numbers.set(text, number);
    peers.set(peer, number);
  }
  return { groups, peers, selective: peers.size > 0 };
}
