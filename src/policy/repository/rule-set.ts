import type { SelectorKey } from '../../identity/index.ts';
import type { Direction, IdentityId, NamedPort, PolicyEntry } from '../../model/index.ts';
import { hasNames, isIsolated } from '../compile/index.ts';
import type { PolicySettings } from '../settings.ts';
import type { Installed } from './installed.ts';

/**
 * What holds, without a row of its own, until the table of a rule set is there or when it cannot be: never more than the
 * table would allow. `open`: nothing restricts the direction; `node`: the node itself may come in; `closed`: nobody.
 */
export type Floor = 'open' | 'node' | 'closed';

/**
 * The entries that hold for some subjects in one direction. Subjects that the same entries select share it, and so the
 * table: a policy of a namespace with a thousand identities is compiled and written once.
 */
export class RuleSet {
  readonly key: string;
  readonly direction: Direction;
  readonly items: readonly Installed[];
  /** The subject's own, where entries name ports; else none. */
  readonly namedPorts: readonly NamedPort[];
  readonly floor: Floor;
  /** The floor is all there is to say. */
  readonly trivial: boolean;
  /** Peers that joined or left since somebody looked. */
  readonly changed = new Set<IdentityId>();
  holders = 0;
  /** Keys of the selectors of its peers, registered as often as they stand here. */
  peers: readonly SelectorKey[] = [];

  constructor(place: RuleSetPlace, settings: PolicySettings) {
    this.key = ruleSetKey(place);
    this.direction = place.direction;
    this.items = place.items;
    this.namedPorts = place.namedPorts;
    const entries = settings.enforcement === 'never' ? [] : place.items.map(({ entry }) => entry);
    this.floor = floorOf(entries, place.direction, settings);
    this.trivial = entries.every(saysNothing);
  }

  /** Of the policies that speak here; undefined: nobody speaks, or only cluster-wide ones. */
  get namespace(): string | undefined {
    return this.items.find(({ entry }) => entry.origin.namespace !== undefined)?.entry.origin.namespace;
  }
}

export type RuleSetPlace = {
  readonly direction: Direction;
  /** By serial. */
  readonly items: readonly Installed[];
  readonly namedPorts: readonly NamedPort[];
};

export function ruleSetPlace(direction: Direction, selecting: readonly Installed[], own: readonly NamedPort[]) {
  const items = selecting.filter(({ entry }) => entry.direction === direction).sort((a, b) => a.serial - b.serial);
  const byName = direction === 'ingress' && items.some(({ entry }) => hasNames(entry));
  return { direction, items, namedPorts: byName ? own : [] };
}

export function ruleSetKey({ direction, items, namedPorts }: RuleSetPlace): string {
  const serials = items.map(({ serial }) => serial).join();
  return `${direction} ${serials}${namedPorts.length === 0 ? '' : ` ${JSON.stringify(namedPorts)}`}`;
}

function floorOf(entries: readonly PolicyEntry[], direction: Direction, settings: PolicySettings): Floor {
  const isolated = isIsolated(
    entries.map((entry) => ({ entry })),
    settings.enforcement,
  );
  const onlyAllows = entries.every((entry) => entry.verdict === 'allow' || saysNothing(entry));
  if (!isolated) return onlyAllows ? 'open' : 'closed';
  return direction === 'ingress' && settings.allowLocalhost === 'always' && onlyAllows ? 'node' : 'closed';
}

const saysNothing = ({ peers, ports }: PolicyEntry): boolean => peers.length === 0 || ports.length === 0;
