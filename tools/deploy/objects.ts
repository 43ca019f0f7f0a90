import {
  admission,
  mirrorAdmission,
  operatorAdmission,
  ownerAdmission,
  stageAdmission,
  tenantAdmission,
} from './admission.ts';
import {
  AGENT_ROLE,
  CERTIFICATES_ROLE,
  LEASE_READER_ROLE,
  LEASE_ROLE,
  NODE_SETUP_ROLE,
  OPERATOR_ROLE,
  RELAY_CERTIFICATE_ROLE,
  RELAY_ROLE,
  TENANT_OWNER_ROLE,
} from './rights.ts';
import { Setting } from './setting.ts';

const NAME = 'membrane';
/** Where `kubectl apply -k` installs; Helm says its own. */
export const NAMESPACE = 'membrane';

const LABELS = { 'app.kubernetes.io/name': NAME, 'app.kubernetes.io/part-of': NAME };
const namespace = Setting.namespace(NAMESPACE);
const meta = (name: string, more: object = {}) => ({ name, ...more, labels: LABELS });
const local = { namespace };
const ACCOUNT = { kind: 'ServiceAccount', name: NAME, namespace };

const RBAC = 'rbac.authorization.k8s.io';
const bound = (kind: string, name: string) => ({ apiGroup: RBAC, kind, name });

/** Only of the manifests: Helm makes its namespace itself. The agent's pods are privileged. */
export const namespaceObject = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name: NAMESPACE,
    labels: { ...LABELS, 'pod-security.kubernetes.io/enforce': 'privileged' },
  },
};

const OPERATOR = 'membrane-operator';
const OPERATOR_LABELS = { ...LABELS, 'app.kubernetes.io/name': OPERATOR };
const OPERATOR_ACCOUNT = { kind: 'ServiceAccount', name: OPERATOR, namespace };

/** Where `hubble observe -P` looks for it, by its Service. */
const RELAY = 'hubble-relay';
/** The page, in the pods of the relay. */
const UI = 'membrane-ui';
const ofRelay = { namespace: 'kube-system' };
const RELAY_LABELS = { ...LABELS, 'app.kubernetes.io/name': RELAY };
/** Of an agent's flows; the relay's own; the page's. */
const PORTS = { node: 4244, relay: 4245, page: 4280 } as const;
const TLS_FOLDER = '/var/lib/membrane/hubble';
/** In the certificate of every node; the operator writes it there. */
const NODE_SERVER_NAME = 'node.hubble.membrane.io';

const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: meta(NAME, local) };

const rights = [
  { apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata: meta(NAME), rules: AGENT_ROLE },
  {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: meta(NAME),
    roleRef: bound('ClusterRole', NAME),
    subjects: [ACCOUNT],
  },
  {
    apiVersion: `${RBAC}/v1`,
    kind: 'Role',
    metadata: meta(NAME, { namespace: 'kube-system' }),
    rules: NODE_SETUP_ROLE,
  },
  {
    apiVersion: `${RBAC}/v1`,
    kind: 'RoleBinding',
    metadata: meta(NAME, { namespace: 'kube-system' }),
    roleRef: bound('Role', NAME),
    subjects: [ACCOUNT],
  },
  { apiVersion: `${RBAC}/v1`, kind: 'Role', metadata: meta(NAME, local), rules: LEASE_READER_ROLE },
  {
    apiVersion: `${RBAC}/v1`,
    kind: 'RoleBinding',
    metadata: meta(NAME, local),
    roleRef: bound('Role', NAME),
    subjects: [ACCOUNT],
  },
];

const operatorRights = [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: meta(OPERATOR, local) },
  { apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata: meta(OPERATOR), rules: OPERATOR_ROLE },
  {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: meta(OPERATOR),
    roleRef: bound('ClusterRole', OPERATOR),
    subjects: [OPERATOR_ACCOUNT],
  },
  {
    apiVersion: `${RBAC}/v1`,
    kind: 'Role',
    metadata: meta(OPERATOR, local),
    rules: [...LEASE_ROLE, ...CERTIFICATES_ROLE],
  },
  {
    apiVersion: `${RBAC}/v1`,
    kind: 'RoleBinding',
    metadata: meta(OPERATOR, local),
    roleRef: bound('Role', OPERATOR),
    subjects: [OPERATOR_ACCOUNT],
  },
  { apiVersion: `${RBAC}/v1`, kind: 'Role', metadata: meta(OPERATOR, ofRelay), rules: RELAY_CERTIFICATE_ROLE },
  {
    apiVersion: `${RBAC}/v1`,
    kind: 'RoleBinding',
    metadata: meta(OPERATOR, ofRelay),
    roleRef: bound('Role', OPERATOR),
    subjects: [OPERATOR_ACCOUNT],
  },
];

const relayRights = [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: meta(RELAY, ofRelay) },
  { apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata: meta('membrane-relay'), rules: RELAY_ROLE },
  {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: meta('membrane-relay'),
    roleRef: bound('ClusterRole', 'membrane-relay'),
    subjects: [{ kind: 'ServiceAccount', name: RELAY, ...ofRelay }],
  },
];

const OWNER = 'membrane-tenant-owner';
const TO_OWNER = { 'membrane.io/aggregate-to-tenant-owner': 'true' };

/** Bound to nobody. Others add to it by its label. */
const ownerRights = [
  {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRole',
    metadata: meta(OWNER),
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: TO_OWNER }] },
    rules: [],
  },
  {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRole',
    metadata: { ...meta(`${OWNER}-shares`), labels: { ...LABELS, ...TO_OWNER } },
    rules: TENANT_OWNER_ROLE,
  },
];

const config = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: meta(NAME, local),
  data: {
    'agent.yaml': Setting.programFile('config', 'config', NAMESPACE),
    // One cluster has one answer: what agents are told of tenancy, the operator is told too.
    'operator.yaml': Setting.programFile('operator.config', 'config', NAMESPACE),
  },
};

type Volume = { readonly path: string | Setting; readonly type?: string };

const HOST: Readonly<Record<string, Volume>> = {
  run: { path: '/run/membrane', type: 'DirectoryOrCreate' },
  netns: { path: '/run/netns', type: 'DirectoryOrCreate' },
  bpf: { path: '/sys/fs/bpf', type: 'Directory' },
  cgroup: { path: '/sys/fs/cgroup', type: 'Directory' },
  log: { path: '/var/log/membrane', type: 'DirectoryOrCreate' },
  'cni-bin': { path: Setting.value('cniBinDir'), type: 'DirectoryOrCreate' },
  'cni-conf': { path: Setting.value('cniConfDir'), type: 'DirectoryOrCreate' },
};

const image = {
  image: Setting.text('%s:%s', 'image.repository', 'image.tag'),
  imagePullPolicy: Setting.value('image.pullPolicy'),
};

/** Writes sysctls of the devices of pods, which a container without it sees but cannot write. */
const securityContext = { privileged: true, readOnlyRootFilesystem: true };

/** The bpffs of the node, so that what is pinned outlives the pod; then the files of the runtime. */
const MOUNT_BPFFS = 'grep -q " /sys/fs/bpf bpf " /proc/mounts || mount -t bpf bpf /sys/fs/bpf';

const install = {
  name: 'install',
  ...image,
  command: ['sh', '-ec', `${MOUNT_BPFFS}\nexec membrane cni install`],
  securityContext,
  resources: { requests: { cpu: '10m', memory: '64Mi' } },
  volumeMounts: [
    { name: 'bpf', mountPath: '/sys/fs/bpf', mountPropagation: 'Bidirectional' },
    { name: 'cni-bin', mountPath: '/opt/cni/bin' },
    { name: 'cni-conf', mountPath: '/etc/cni/net.d' },
  ],
};

/** Asks by the admin socket: 1 is an agent that is not ready, 3 one that does not answer. */
const STATUS = ['membrane', 'status'];
const ANSWERS = ['sh', '-c', 'membrane status >/dev/null; [ $? -ne 3 ]'];

const agent = {
  name: 'agent',
  ...image,
  args: ['agent', '--config', '/etc/membrane/agent.yaml'],
  env: [{ name: 'NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }],
  securityContext,
  resources: Setting.value('resources'),
  startupProbe: { exec: { command: ANSWERS }, periodSeconds: 5, timeoutSeconds: 10, failureThreshold: 60 },
  readinessProbe: { exec: { command: STATUS }, periodSeconds: 15, timeoutSeconds: 10 },
  livenessProbe: { exec: { command: ANSWERS }, periodSeconds: 60, timeoutSeconds: 10, failureThreshold: 5 },
  volumeMounts: [
    { name: 'config', mountPath: '/etc/membrane', readOnly: true },
    { name: 'hubble', mountPath: TLS_FOLDER, readOnly: true },
    { name: 'cache', mountPath: '/opt/membrane/build/cache' },
    { name: 'run', mountPath: '/run/membrane' },
    { name: 'netns', mountPath: '/run/netns', mountPropagation: 'HostToContainer' },
    { name: 'bpf', mountPath: '/sys/fs/bpf', mountPropagation: 'HostToContainer' },
    { name: 'cgroup', mountPath: '/host/sys/fs/cgroup', mountPropagation: 'HostToContainer', readOnly: true },
    // For flowExport.file.
    { name: 'log', mountPath: '/var/log/membrane' },
  ],
};

const daemonSet = {
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: meta(NAME, local),
  spec: {
    selector: { matchLabels: { 'app.kubernetes.io/name': NAME } },
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: Setting.value('maxUnavailable') } },
    template: {
      metadata: { labels: LABELS, annotations: Setting.value('podAnnotations') },
      spec: {
        serviceAccountName: NAME,
        // A Service called membrane-metrics would be MEMBRANE_METRICS_PORT, a key of ours, in every pod beside it.
        enableServiceLinks: false,
        imagePullSecrets: Setting.value('image.pullSecrets'),
        hostNetwork: true,
        // Names of the cluster need pods, which need the agent.
        dnsPolicy: 'Default',
        priorityClassName: Setting.value('priorityClassName'),
        tolerations: Setting.value('tolerations'),
        nodeSelector: Setting.value('nodeSelector'),
        terminationGracePeriodSeconds: 30,
        initContainers: [install],
        containers: [agent],
        volumes: [
          { name: 'config', configMap: { name: NAME } },
          { name: 'cache', emptyDir: {} },
          // The operator makes it, which needs the agent of its node.
          { name: 'hubble', secret: { secretName: 'membrane-hubble-node', optional: true } },
          ...Object.entries(HOST).map(([name, hostPath]) => ({ name, hostPath })),
        ],
      },
    },
  },
};

const operator = {
  name: 'operator',
  ...image,
  args: ['operator', '--config', '/etc/membrane/operator.yaml'],
  securityContext: {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    runAsNonRoot: true,
    runAsUser: 65534,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  },
  resources: Setting.value('operator.resources'),
  volumeMounts: [
    { name: 'config', mountPath: '/etc/membrane', readOnly: true },
    { name: 'cache', mountPath: '/opt/membrane/build/cache' },
  ],
};

/** A pod like others, that needs nothing of its node: one works, and another takes over within the life of a Lease. */
const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { ...meta(OPERATOR, local), labels: OPERATOR_LABELS },
  spec: {
    replicas: Setting.value('operator.replicas'),
    selector: { matchLabels: { 'app.kubernetes.io/name': OPERATOR } },
    template: {
      metadata: { labels: OPERATOR_LABELS },
      spec: {
        serviceAccountName: OPERATOR,
        enableServiceLinks: false,
        imagePullSecrets: Setting.value('image.pullSecrets'),
        priorityClassName: 'system-cluster-critical',
        nodeSelector: Setting.value('nodeSelector'),
        terminationGracePeriodSeconds: 30,
        containers: [operator],
        volumes: [
          { name: 'config', configMap: { name: NAME } },
          { name: 'cache', emptyDir: {} },
        ],
      },
    },
  },
};

const relay = {
  name: 'relay',
  ...image,
  args: ['relay', '--config', '/etc/membrane/relay.yaml'],
  securityContext: operator.securityContext,
  resources: Setting.value('relay.resources'),
  ports: [{ name: 'grpc', containerPort: PORTS.relay }],
  readinessProbe: { tcpSocket: { port: 'grpc' }, periodSeconds: 10 },
  volumeMounts: [
    { name: 'config', mountPath: '/etc/membrane', readOnly: true },
    { name: 'hubble', mountPath: TLS_FOLDER, readOnly: true },
    { name: 'cache', mountPath: '/opt/membrane/build/cache' },
  ],
};

/** What it shows nodes and clients, and by which it knows nodes, is one certificate and one authority. */
const relayConfig = {
  peerService: `hubble-peer.%s.svc:${PORTS.node}`,
  peerServerName: NODE_SERVER_NAME,
  nodes: { certFile: `${TLS_FOLDER}/tls.crt`, keyFile: `${TLS_FOLDER}/tls.key`, caFile: `${TLS_FOLDER}/ca.crt` },
  listen: { host: '0.0.0.0', port: PORTS.relay, certFile: `${TLS_FOLDER}/tls.crt`, keyFile: `${TLS_FOLDER}/tls.key` },
};

/** The page asks nodes as the relay does, and serves who logs in. */
const page = {
  ...relay,
  name: 'page',
  args: ['ui', '--config', '/etc/membrane/ui.yaml'],
  resources: Setting.value('relay.pageResources'),
  ports: [{ name: 'https', containerPort: PORTS.page }],
  readinessProbe: { tcpSocket: { port: 'https' }, periodSeconds: 10 },
};

const { listen: relayListen, ...relaySources } = relayConfig;
const pageConfig = {
  ...relaySources,
  listen: { ...relayListen, port: PORTS.page, names: [UI, `${UI}.kube-system`, `${UI}.kube-system.svc`] },
};

const relayObjects = [
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: meta(RELAY, ofRelay),
    data: {
      'relay.yaml': Setting.withNamespace(JSON.stringify(relayConfig), NAMESPACE),
      'ui.yaml': Setting.withNamespace(JSON.stringify(pageConfig), NAMESPACE),
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: meta(RELAY, ofRelay),
    spec: {
      selector: { 'app.kubernetes.io/name': RELAY },
      ports: [{ name: 'grpc', port: PORTS.relay, targetPort: 'grpc', appProtocol: 'grpc' }],
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: meta(UI, ofRelay),
    spec: {
      selector: { 'app.kubernetes.io/name': RELAY },
      // A session is known to the pod that began it.
      sessionAffinity: 'ClientIP',
      ports: [{ name: 'https', port: 443, targetPort: 'https', appProtocol: 'https' }],
    },
  },
  // An agent says which nodes there are: the one of the relay's own node, where it can be had.
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: meta('hubble-peer', local),
    spec: {
      selector: { 'app.kubernetes.io/name': NAME },
      ports: [{ name: 'grpc', port: PORTS.node, targetPort: PORTS.node, appProtocol: 'grpc' }],
    },
  },
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { ...meta(RELAY, ofRelay), labels: RELAY_LABELS },
    spec: {
      replicas: Setting.value('relay.replicas'),
      selector: { matchLabels: { 'app.kubernetes.io/name': RELAY } },
      template: {
        metadata: { labels: RELAY_LABELS },
        spec: {
          serviceAccountName: RELAY,
          enableServiceLinks: false,
          imagePullSecrets: Setting.value('image.pullSecrets'),
          nodeSelector: Setting.value('nodeSelector'),
          terminationGracePeriodSeconds: 10,
          securityContext: { fsGroup: 65534 },
          containers: [relay, page],
          volumes: [
            { name: 'config', configMap: { name: RELAY } },
            // It does not start before the operator has made it.
            { name: 'hubble', secret: { secretName: RELAY } },
            { name: 'cache', emptyDir: {} },
          ],
        },
      },
    },
  },
];

/** Optional: API servers before 1.30 do not know the kind. */
export const ADMISSION = [
  ...admission(meta('membrane-agents')),
  ...tenantAdmission(meta('membrane-tenants')),
  ...ownerAdmission(meta('membrane-tenant-owners')),
  ...stageAdmission(meta('membrane-policy-stages')),
  ...mirrorAdmission(meta),
  ...operatorAdmission(meta),
];

/** By file, in the order in which they are to be made. */
export const OBJECTS: Readonly<Record<string, readonly object[]>> = {
  'rbac.yaml': [account, ...rights, ...operatorRights, ...relayRights, ...ownerRights],
  'config.yaml': [config],
  'daemonset.yaml': [daemonSet],
  'operator.yaml': [deployment],
  'relay.yaml': relayObjects,
};
