import { EndpointAccounts, EVENT_RECORD } from '../../datapath/index.ts';
import type { EndpointId } from '../../model/index.ts';
import type { Plane } from '../../plane/index.ts';
import type { AgentNode } from '../node/index.ts';
import { NamespaceTally } from './namespace-tally.ts';
import { PolicyTally } from './policy-tally.ts';
import { tallyMetrics } from './tally-metrics.ts';

/** So long Prometheus takes a series for one that is still there. */
const KEEP_MS = 300_000;

export type Tally = {
  readonly namespaces: NamespaceTally;
  readonly policies: PolicyTally;
  /** Before an endpoint is forgotten: what was counted of it is given to whose it was. */
  readonly retire: (id: EndpointId) => void;
};

/** What is counted for metrics beyond the life of what it is counted of. */
export function openTally(
  { config, registry, clock, kernel }: AgentNode,
  { endpoints, floor, repository }: Plane,
): Tally {
  const accounts = new EndpointAccounts(kernel.maps, { events: config.enableEvents });
  const bounds = { most: config.metrics.names, keepMs: KEEP_MS, now: () => clock.elapsed() };
  const membership = () => floor.whole;
  const namespaceOf = (id: EndpointId) => endpoints.get(id)?.record.pod.namespace;
  const podNamespaces = () => endpoints.values().map(({ record }) => record.pod.namespace);
  const namespaces = new NamespaceTally({
    ...bounds,
    membership,
    all: async (ids: readonly EndpointId[]) => await accounts.all(ids),
    of: (id) => accounts.of(id),
    ids: () => endpoints.values().map(({ record }) => record.id),
    namespaceOf,
  });
  const policies = new PolicyTally({
    ...bounds,
    membership,
    layout: EVENT_RECORD,
    origin: (id) => repository.rules.get(id),
    hasPolicy: (key) => repository.has(key),
    namespaceOf,
    namespaces: () => new Set(podNamespaces()),
  });
  tallyMetrics(registry, { namespaces, policies, floor, podNamespaces });
  const retire = (id: EndpointId): void => {
    namespaces.retire(id);
    policies.fold();
  };
  return { namespaces, policies, retire };
}
