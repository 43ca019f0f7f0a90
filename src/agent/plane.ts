import { Histogram } from '../base/metrics.ts';
import {
  affinityMap,
  endpointsMap,
  ipcacheMap,
  noPolicyMaps,
  policyMaps,
  serviceMaps,
  tenantAccountsMap,
  tenantSharesMap,
  tenantWorldMap,
} from '../datapath/index.ts';
import type { ClusterNumbers } from '../identity/index.ts';
import { openPlane, type Plane } from '../plane/index.ts';
import { type AgentNode, reservedNumbers } from './node/index.ts';
import { servicesOfNode } from './services/index.ts';

/** The plane of this node: on its kernel's maps, with the numbering of its earlier life. */
export async function openNodePlane(node: AgentNode, allocator: ClusterNumbers): Promise<Plane> {
  const { config, kernel, state, numbers, registry, clock, log } = node;
  const { maps, words, tenants, base } = kernel;
  const cidrs = numbers.restore(allocator, log);
  if (!numbers.trusted) {
    // Without the numbering nobody can say what the words and tables of an earlier life mean.
    for (const [id] of words.entries()) words.clear(id);
  }
  return await openPlane({
    nodeName: config.nodeName,
    clusterName: config.clusterName,
    nodeAddresses: () => kernel.addresses.all,
    sendsAs: config.routing === 'tunnel' ? kernel.uplink.addr : undefined,
    maps: {
      endpoints: endpointsMap(maps),
      ipcache: ipcacheMap(maps),
      policy: base.enablePolicy ? policyMaps(maps) : noPolicyMaps(),
      words,
      tenants,
      tenantAccounts: tenantAccountsMap(maps),
      tenantShares: tenantSharesMap(maps),
      tenantWorld: tenantWorldMap(maps),
    },
    ipcacheRows: maps.spec('ipcache').maxEntries,
    numbering: {
      allocator,
      cidrs,
      save: () => numbers.save(allocator, cidrs),
      revisions: reservedNumbers(state, 'policy-revisions'),
    },
    policy: { enforcement: config.policyEnforcement, allowLocalhost: config.allowLocalhost },
    limits: config.policyLimits,
    tenancy: config.tenancy,
    cidrSelects: config.cidrSelects,
    labelRules: config.identity.labelFilter,
    podCIDR: config.podCIDR,
    saveEndpoint: (record) => state.putEndpoint(record),
    passTimes: new Histogram({
      name: 'membrane_policy_pass_seconds',
      help: 'From the first event to the last store into the kernel',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
      registers: [registry],
    }),
    serviceRanges: config.serviceCIDRs,
    services: config.enableServices
      ? servicesOfNode({ config, maps: serviceMaps(maps), affinity: affinityMap(maps), state, registry })
      : undefined,
    clock,
    log,
  });
}
