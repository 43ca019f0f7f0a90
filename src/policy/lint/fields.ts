import type { PolicyEntry } from '../../model/index.ts';

/** Where in the object an entry comes from: `spec.ingress[0].from[1]`. */
export function ruleField({ origin, direction }: PolicyEntry): string {
  return origin.rule === undefined ? 'spec' : `spec.${direction}[${origin.rule}]`;
}

export function peerField(entry: PolicyEntry, index: number): string {
  return `${ruleField(entry)}.${entry.direction === 'ingress' ? 'from' : 'to'}[${index}]`;
}

export function portField(entry: PolicyEntry, index: number): string {
  return `${ruleField(entry)}.ports[${index}]`;
}
