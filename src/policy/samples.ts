import {
  EVERYTHING,
  labelSelector,
  type PeerSelector,
  type PodSelector,
  type PolicyEntry,
  type PolicyKey,
  policyKey,
} from '../model/index.ts';
import { Prefix } from '../net/index.ts';

/** Building blocks for tests. */
export const selectPods = (labels: Record<string, string> = {}, namespace?: string): PodSelector => ({
  kind: 'pods',
  namespace: namespace === undefined ? {} : { name: namespace },
  pods: Object.keys(labels).length === 0 ? EVERYTHING : labelSelector({ matchLabels: labels }),
});

export const selectBlock = (prefix: string, ...except: string[]): PeerSelector => ({
  kind: 'prefix',
  prefix: Prefix.parse(prefix),
  except: except.map((hole) => Prefix.parse(hole)),
});

export const sampleKey = (name: string): PolicyKey => policyKey({ kind: 'NetworkPolicy', namespace: 'shop', name });

/** An ingress rule that allows everybody everything to all pods, unless said otherwise. */
export function sampleEntry(parts: Partial<PolicyEntry> = {}, name = 'p'): PolicyEntry {
  const direction = parts.direction ?? 'ingress';
  return {
    subject: selectPods(),
    direction,
    tier: 'network',
    order: 0,
    peers: 'any',
    ports: 'any',
    verdict: 'allow',
    isolates: true,
    origin: { kind: 'NetworkPolicy', namespace: 'shop', name, direction, rule: 0 },
    ...parts,
  };
}

export const tcp = (from: number, to: number = from) => ({ protocol: 6, from, to });
