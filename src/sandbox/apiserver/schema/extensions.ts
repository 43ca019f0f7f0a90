import { objectReference } from './core.ts';
import { boolean, fields, int32, intOrString, list, map, microTime, string, strings, struct } from './dsl.ts';
import { labelSelector, objectFields, objectMeta } from './meta.ts';

const NETWORKING = 'io.k8s.api.networking.v1';
const DISCOVERY = 'io.k8s.api.discovery.v1';
const COORDINATION = 'io.k8s.api.coordination.v1';

const peers = list(
  struct(`${NETWORKING}.NetworkPolicyPeer`, {
    podSelector: labelSelector,
    namespaceSelector: labelSelector,
    ipBlock: struct(`${NETWORKING}.IPBlock`, { cidr: string, except: strings }, { required: ['cidr'] }),
  }),
);
const ports = list(struct(`${NETWORKING}.NetworkPolicyPort`, { protocol: string, port: intOrString, endPort: int32 }));

export const networkPolicy = struct(`${NETWORKING}.NetworkPolicy`, {
  ...objectFields,
  spec: struct(`${NETWORKING}.NetworkPolicySpec`, {
    podSelector: labelSelector,
    ingress: list(struct(`${NETWORKING}.NetworkPolicyIngressRule`, { ports, from: peers })),
    egress: list(struct(`${NETWORKING}.NetworkPolicyEgressRule`, { ports, to: peers })),
    policyTypes: strings,
  }),
});

export const serviceCidr = struct(`${NETWORKING}.ServiceCIDR`, {
  ...objectFields,
  spec: struct(`${NETWORKING}.ServiceCIDRSpec`, { cidrs: strings }),
});

export const endpointSlice = struct(
  `${DISCOVERY}.EndpointSlice`,
  {
    ...objectFields,
    addressType: string,
    endpoints: list(
      struct(`${DISCOVERY}.Endpoint`, {
        addresses: strings,
        conditions: struct(`${DISCOVERY}.EndpointConditions`, fields(boolean, 'ready', 'serving', 'terminating')),
        ...fields(string, 'hostname', 'nodeName', 'zone'),
        targetRef: objectReference,
        deprecatedTopology: map(),
        hints: struct(`${DISCOVERY}.EndpointHints`, {
          forZones: list(struct(`${DISCOVERY}.ForZone`, { name: string })),
          forNodes: list(struct(`${DISCOVERY}.ForNode`, { name: string })),
        }),
      }),
      { keepEmpty: true },
    ),
    ports: list(
      struct(
        `${DISCOVERY}.EndpointPort`,
        { ...fields(string, 'name', 'protocol', 'appProtocol'), port: int32 },
        { atomic: true },
      ),
    ),
  },
  { required: ['addressType', 'endpoints'] },
);

export const lease = struct(`${COORDINATION}.Lease`, {
  ...objectFields,
  spec: struct(`${COORDINATION}.LeaseSpec`, {
    ...fields(string, 'holderIdentity', 'strategy', 'preferredHolder'),
    ...fields(int32, 'leaseDurationSeconds', 'leaseTransitions'),
    ...fields(microTime, 'acquireTime', 'renewTime'),
  }),
});

export const deleteOptions = struct('io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions', {
  ...fields(string, 'apiVersion', 'kind', 'propagationPolicy'),
  gracePeriodSeconds: { type: 'int64' },
  preconditions: struct('io.k8s.apimachinery.pkg.apis.meta.v1.Preconditions', fields(string, 'uid', 'resourceVersion')),
  orphanDependents: boolean,
  dryRun: strings,
});

export const eviction = struct('io.k8s.api.policy.v1.Eviction', {
  ...objectFields,
  metadata: objectMeta,
  deleteOptions,
});
