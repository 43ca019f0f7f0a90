import { z } from 'zod';
import { absolutePath, type ConfigFailures, logSection, parseSettings } from '../../base/configuration.ts';
import { MAP_SPECS } from '../../datapath/index.ts';
import { isAddr, Prefix } from '../../net/index.ts';
import { MAGLEV_SIZES } from '../../service/index.ts';
import { tenancySchema } from '../../tenant/index.ts';
import { agentErrors } from '../errors.ts';
import { cidr, entries, ifname, objectName, portRange } from './config-fields.ts';
import { flowExportSchema, otlpSchema } from './flow-export-config.ts';
import { hubbleSchema } from './hubble-config.ts';
import { mapsSchema } from './maps-config.ts';

const seconds = z.number().positive();
const action = z.enum(['include', 'exclude']);
const regex = z.string().refine((text) => {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false;
  }
}, 'must be a regular expression');
const labelRule = z.union([z.strictObject({ action, prefix: z.string() }), z.strictObject({ action, regex })]);

const identitySchema = z
  .strictObject({
    labelFilter: z
      .array(labelRule)
      .optional()
      .describe(
        'Which pod labels make an identity: the first rule that a label matches decides. Default: all but those that controllers write anew for each pod or revision.',
      ),
    namespaceShare: z
      .number()
      .min(0.01)
      .max(100)
      .default(10)
      .describe('Percent of the 65,280 numbers that the pods of one namespace may have.'),
  })
  .prefault({});

const metricsSchema = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Serve the metrics of the agent over HTTP, at /metrics.'),
    host: z
      .string()
      .refine(isAddr, 'must be an IP address')
      .default('127.0.0.1')
      .describe('Address to serve them at; other than loopback only with allowNonLoopback.'),
    port: z.int().min(0).max(65_535).default(9962).describe('TCP port; 0: any free one.'),
    allowNonLoopback: z
      .boolean()
      .default(false)
      .describe('Serve them to other machines, too: whoever reaches the port learns who talks to whom.'),
    names: z
      .int()
      .min(16)
      .max(10_000)
      .default(256)
      .describe(
        'Namespaces with series of their own at a time, and policies; tenants share them equally where they do not suffice, and what is beyond them is `_other` of its tenant.',
      ),
  })
  .prefault({});

const operatorLeaseSchema = z
  .strictObject({
    name: objectName.default('membrane-operator').describe('Lease of the operators, as their own lease.name.'),
    namespace: objectName
      .optional()
      .describe("Where it is. Default: the namespace of the pod, or of the kubeconfig's context."),
  })
  .prefault({});

const policyLimitsSchema = z
  .strictObject({
    table: entries
      .default(65_536)
      .describe(
        'Rows and peers of one table: the policies of a pod in one direction. Beyond it the policies that ask for most only isolate.',
      ),
    namespace: entries
      .default(262_144)
      .describe(
        'Rows and peers of all tables of one namespace on this node. Beyond it a table is refused, and its pods are closed.',
      ),
    selectors: entries
      .default(4_096)
      .describe(
        'Selectors of pods as peers, and values in them, that the policies of one namespace may have. Beyond it the rules of a policy that select pods admit nobody.',
      ),
  })
  .prefault({});

/** DEFAULT_SOCKET of cni/membrane-cni.c: one agent a node needs no setting on either side. */
const CNI_SOCKET = '/run/membrane/cni.sock';

/** The agent's configuration; every key but `nodeName` has a default. Unknown keys are refused. */
export const configSchema = z.strictObject({
  nodeName: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, 'must be the name of a Node object')
    .describe('Name of the Node object that this agent serves.'),
  clusterName: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/)
    .default('default')
    .describe('Part of every identity.'),
  kubeconfig: absolutePath
    .optional()
    .describe("How to reach the API server. Default: the files of KUBECONFIG, else the pod's service account."),
  apiServer: z
    .string()
    .regex(/^(https?:\/\/)?[^\s/]+(\/\S*)?$/, 'must be like 192.0.2.10:6443 or https://api.example:6443')
    .optional()
    .describe(
      'Where the API server is, whatever the kubeconfig or the environment say. Needed in a cluster without kube-proxy: the address of the Service is one that Membrane itself serves, once it runs.',
    ),
  watchSeconds: z
    .int()
    .min(1)
    .max(3_600)
    .default(30)
    .describe(
      'Seconds that the API server keeps one watch; 5 s of silence more and it is asked anew, all of it. Bounds how stale the view of the cluster can be.',
    ),
  stateDir: absolutePath.optional().describe('Records of endpoints and sockets. Default /run/membrane/<nodeName>.'),
  pinDir: absolutePath
    .optional()
    .describe('Pinned maps and links, on a bpffs. Default /sys/fs/bpf/membrane/<nodeName>.'),
  cniSocket: absolutePath.default(CNI_SOCKET).describe('Where the CNI plugin asks; its own default, too.'),
  cniBinDir: absolutePath
    .default('/opt/cni/bin')
    .describe('Where --cleanup removes the plugin that `membrane cni install` put.'),
  cniConfDir: absolutePath.default('/etc/cni/net.d').describe('Where it removes the configuration that names it.'),
  adminSocket: absolutePath.optional().describe('Default <stateDir>/admin.sock.'),
  hubbleSocket: absolutePath
    .optional()
    .describe("Where Hubble's clients ask on the node itself. Default <stateDir>/hubble.sock."),
  uplink: ifname
    .optional()
    .describe(
      "Device that leads out of the node. Default: that of the default route. Pods leave by whichever device the node's routes name, under the address that the node has there; before Linux 6.7 by this one only.",
    ),
  routing: z
    .enum(['tunnel', 'native', 'none'])
    .default('none')
    .describe(
      "tunnel: to pods of other nodes through VXLAN, which carries who sends and whom he may reach; native: by the node's routes, where they are known by their addresses alone, so that whoever can write one on the network of the nodes is taken for the pod; none: pods of other nodes are not reached.",
    ),
  tunnelPort: z
    .int()
    .min(1)
    .max(65_535)
    .default(8472)
    .describe('UDP port of VXLAN, the same on every node: nothing else than pods may be sent anything to it.'),
  devices: z
    .array(ifname)
    .optional()
    .describe(
      "Devices besides the uplink where packets from outside come in. Default: every Ethernet device that is nobody's port and no pod's.",
    ),
  podCIDR: cidr
    .optional()
    .describe(
      'Addresses of local pods. Default: spec.podCIDR of the Node, outside of which other nodes believe in no pods.',
    ),
  policyEnforcement: z
    .enum(['default', 'always', 'never'])
    .default('default')
    .describe(
      'default: a pod is isolated once a policy selects it; always: from the start; never: policies are ignored.',
    ),
  cidrSelects: z
    .array(z.enum(['pods', 'nodes']))
    .default(['pods', 'nodes'])
    .describe('What an ipBlock may select besides the world.'),
  allowLocalhost: z
    .enum(['always', 'policy'])
    .default('always')
    .describe('always: processes of the node reach its pods unless a policy denies the host explicitly.'),
  policyLimits: policyLimitsSchema,
  tenancy: tenancySchema,
  enableIPv6: z
    .literal(false, 'IPv6 is not supported yet')
    .default(false)
    .describe('Off: every IPv6 packet of a pod is dropped.'),
  enableEvents: z.boolean().default(true).describe('Flow events.'),
  enableMasquerade: z.boolean().default(true).describe("Pods reach the world under the node's address."),
  enableFragments: z.boolean().default(true).describe('IPv4 fragments; off: dropped.'),
  enableIcmpErrors: z.boolean().default(true).describe('ICMP errors about known connections.'),
  enableServices: z
    .boolean()
    .default(true)
    .describe(
      "ClusterIP, NodePort and their like, without kube-proxy. Off: what pods send to services passes the node's stack, where a kube-proxy turns it, and policy is asked about the backend.",
    ),
  refuseWithoutBackends: z
    .boolean()
    .default(true)
    .describe('The world is refused at once at a node port whose service has no backends; off: it gets no answer.'),
  cgroup: absolutePath
    .optional()
    .describe(
      'cgroup v2 directory above the pods and the processes of the node that use services. Default: the root of the hierarchy, or that of the pods where the agent does not see the root.',
    ),
  nodePortRange: portRange
    .prefault('30000-32767')
    .describe("Node ports, as the API server's --service-node-port-range. No process of the node can bind one in use."),
  reservedHostPorts: z
    .array(portRange)
    .prefault(['22', '2379-2380', '6443', '10248-10259'])
    .describe('Ports of the node that no pod may have by hostPort, like 6443 or 10248-10259.'),
  nodePortAcceleration: z
    .enum(['disabled', 'best-effort', 'native'])
    .default('disabled')
    .describe(
      'XDP at the drivers of devices, for established connections to backends elsewhere that no tunnel leads to; native: a device that cannot is an error. Not on a veth pair whose other end leaves checksums to be filled in.',
    ),
  loadBalancing: z
    .enum(['random', 'maglev'])
    .default('random')
    .describe('How clients from outside get a backend; maglev: every node sends one client to one backend.'),
  maglevTableSize: z
    .literal(MAGLEV_SIZES)
    .default(16_381)
    .describe('Slots of a service; a hundred times its backends.'),
  serviceCIDRs: z
    .array(cidr)
    .min(1)
    .optional()
    .describe(
      "Where services get their ClusterIPs from, as the API server's --service-cluster-ip-range: nothing of it leaves the node. Default: what ServiceCIDR objects or kubeadm's ConfigMap say, and every ClusterIP that is given out.",
    ),
  serviceAddressRanges: z
    .array(cidr)
    .prefault([])
    .describe('Where externalIPs and load balancer addresses may lie. Default: nowhere, so that none is captured.'),
  namespaceServiceShare: z
    .number()
    .min(1)
    .max(100)
    .default(25)
    .describe(
      'Percent of each map of services that the Services of one namespace may take, and one Service half of that.',
    ),
  enableCounters: z.boolean().default(true).describe('Count what was forwarded; drops are always counted.'),
  ctQuota: z
    .int()
    .min(0)
    .default(32_768)
    .describe(
      'Connections that one endpoint may have opened, and sockets to services; 0: nothing is counted, and one can take all.',
    ),
  expectedPods: z
    .int()
    .min(1)
    .max(MAP_SPECS.endpoints.maxEntries)
    .default(256)
    .describe(
      'Pods of this node that a part of the tables of connections and sockets is kept for; with more, the last may find none.',
    ),
  ctGcInterval: seconds.default(10).describe('Seconds between two runs of the conntrack collector.'),
  eventRate: z
    .int()
    .min(0)
    .default(8_000)
    .describe(
      'Flow events a second about connections that one endpoint opens, and as many about those that come to it from outside; what is above is counted; each for what is let pass, what policy denies and what is broken. Beyond a 64th of it, only while half of the ring is free. 0: no limit.',
    ),
  flowBuffer: z
    .int()
    .min(16)
    .max(16_777_216)
    .default(1_048_576)
    .describe(
      'Flows kept for those who ask later; memory is taken as they come, some 90 bytes each. When it is full, whoever has most loses the oldest.',
    ),
  mtu: z
    .int()
    .min(576)
    .max(65_535)
    .optional()
    .describe("Of the pods' devices. Default: the uplink's, less what routing adds to each packet."),
  maps: mapsSchema,
  metrics: metricsSchema,
  hubble: hubbleSchema,
  flowExport: flowExportSchema,
  otlp: otlpSchema,
  operatorLease: operatorLeaseSchema,
  log: logSection('info'),
  identity: identitySchema,
});

export type AgentConfigInput = z.input<typeof configSchema>;
type Parsed = z.output<typeof configSchema>;

/** Complete and frozen. */
export type AgentConfig = Readonly<
  Omit<Parsed, 'stateDir' | 'pinDir' | 'adminSocket' | 'hubbleSocket'> & {
    stateDir: string;
    pinDir: string;
    adminSocket: string;
    hubbleSocket: string;
  }
>;

export const configFailures: ConfigFailures = {
  unreadable: (detail, cause) => agentErrors.make('E_AGENT_CONFIG_FILE', { detail, cause }),
  invalid: (detail) => agentErrors.make('E_AGENT_CONFIG', { detail }),
};

/** E_AGENT_CONFIG names every key that is wrong. */
export function parseConfig(value: unknown): AgentConfig {
  const parsed = parseSettings(value, configSchema, configFailures);
  const stateDir = parsed.stateDir ?? `/run/membrane/${parsed.nodeName}`;
  return deepFreeze({
    ...parsed,
    stateDir,
    pinDir: parsed.pinDir ?? `/sys/fs/bpf/membrane/${parsed.nodeName}`,
    adminSocket: parsed.adminSocket ?? `${stateDir}/admin.sock`,
    hubbleSocket: parsed.hubbleSocket ?? `${stateDir}/hubble.sock`,
  });
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null && !(inner instanceof Prefix)) deepFreeze(inner);
  }
  return Object.freeze(value);
}
