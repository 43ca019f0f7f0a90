/** Dashboards of Grafana, over what docs/METRICS.md lists. */

type Query = readonly [expression: string, legend: string];
export type Panel = {
  readonly title: string;
  readonly what: string;
  /** Of Grafana. */
  readonly unit: string;
  readonly queries: readonly Query[];
};
type Variable = { readonly name: string; readonly values: string; readonly isOne?: boolean };
export type Dashboard = {
  readonly uid: string;
  readonly title: string;
  readonly variables: readonly Variable[];
  readonly panels: readonly Panel[];
};

const NODES = 'instance=~"$instance"';
const TENANT = 'tenant="$tenant"';
const PER_SECOND = 'pps';

const rate = (selector: string): string => `rate(${selector}[$__rate_interval])`;
const rates = (by: string, selector: string): string => `sum by (${by}) (${rate(selector)})`;
const most = (by: string, selector: string): string => `topk(10, ${rates(by, selector)})`;
const quantile = (q: number, selector: string): string => `histogram_quantile(${q}, ${rates('le', selector)})`;
const latency = (selector: string): Query[] => [
  [quantile(0.5, selector), 'half'],
  [quantile(0.99, selector), '99 %'],
];
const panel = (title: string, unit: string, what: string, ...queries: Query[]): Panel => ({
  title,
  unit,
  what,
  queries,
});

const OPERATOR: Dashboard = {
  uid: 'membrane-operator',
  title: 'Membrane: the cluster',
  variables: [{ name: 'instance', values: 'label_values(membrane_agent_resident_bytes, instance)' }],
  panels: [
    panel('Drops by reason', PER_SECOND, 'Packets that the datapath dropped, of all that comes.', [
      rates('reason', `membrane_datapath_packets_total{${NODES},reason!="none"}`),
      '{{reason}}',
    ]),
    panel('Forwarded', PER_SECOND, 'Packets that were let pass; the direction is seen from the pod.', [
      rates('direction', `membrane_datapath_packets_total{${NODES},reason="none"}`),
      '{{direction}}',
    ]),
    panel('Drops by tenant', PER_SECOND, 'The ten tenants with most. What begins with _ is no Tenant.', [
      most('tenant', `membrane_drops_total{${NODES}}`),
      '{{tenant}}',
    ]),
    panel('Drops by namespace', PER_SECOND, 'The ten namespaces with most.', [
      most('tenant, namespace, reason', `membrane_drops_total{${NODES}}`),
      '{{tenant}} {{namespace}}: {{reason}}',
    ]),
    panel(
      'Connections by policy that allowed',
      'cps',
      'The ten policies whose rules allowed most, of connections that were told of.',
      [most('policy', `membrane_policy_verdicts_total{${NODES},verdict="forwarded"}`), '{{policy}}'],
    ),
    panel(
      'Denied by a rule',
      'cps',
      'The ten policies whose rules denied most. What merely no rule allows is among the drops.',
      [most('policy', `membrane_policy_verdicts_total{${NODES},verdict="dropped"}`), '{{policy}}'],
    ),
    panel(
      'How soon policy is in force',
      's',
      'From the first event to the last store into the kernel.',
      ...latency(`membrane_policy_pass_seconds_bucket{${NODES}}`),
    ),
    panel(
      'How soon pods are connected',
      's',
      "The runtime's requests ADD.",
      ...latency(`membrane_cni_request_seconds_bucket{${NODES},command="ADD"}`),
    ),
    panel('Requests of the runtime that failed', 'reqps', 'By command. The log of the agent says why.', [
      rates('command', `membrane_cni_request_seconds_count{${NODES},result="failed"}`),
      '{{command}}',
    ]),
    panel(
      'Policy that is not in force',
      'none',
      'Identities and policies; `membrane policy list` says which.',
      [`sum(membrane_policy_closed_identities{${NODES}})`, 'identities that are closed'],
      [`sum(membrane_policy_refused_identities{${NODES}})`, 'identities with a policy that is refused'],
      [`sum by (reason) (membrane_policy_closed_policies{${NODES}})`, 'policies: {{reason}}'],
    ),
    panel('How full maps are', 'percentunit', 'The fullest of all nodes.', [
      `max by (map) (membrane_map_fill_ratio{${NODES}})`,
      '{{map}}',
    ]),
    panel(
      'Flows that were not told',
      'eps',
      'Counters of drops are exact all the same.',
      [rates('place', `membrane_flow_lost_total{${NODES}}`), 'lost: {{place}}'],
      [rates('tenant', `membrane_flow_missed_total{${NODES}}`), 'of {{tenant}}'],
      [rates('reason', `membrane_flow_export_lost_total{${NODES}}`), 'export: {{reason}}'],
      [rates('reason', `membrane_otlp_flows_lost_total{${NODES}}`), 'collector: {{reason}}'],
    ),
    panel('Since the API server was heard of', 's', 'The longest of all nodes, by kind.', [
      `max by (kind) (membrane_kube_silence_seconds{${NODES}})`,
      '{{kind}}',
    ]),
    panel('Nodes that do not follow', 'none', 'By kind of object.', [
      `count by (kind) (membrane_kube_connected{${NODES}} == 0)`,
      '{{kind}}',
    ]),
    panel(
      'The kernel',
      'none',
      'What is not as it should be, by whoever looks.',
      [`sum(membrane_datapath_problems{${NODES}})`, 'cannot be put right'],
      [`sum(increase(membrane_datapath_repairs_total{${NODES}}[$__rate_interval]))`, 'put right'],
      [`sum by (layer) (membrane_proof_differences{${NODES}})`, 'proof: {{layer}}'],
    ),
    panel(
      'Relay: nodes',
      'none',
      'Of which it has heard; `hubble list nodes` names those that do not answer.',
      ['sum by (state) (membrane_relay_nodes)', '{{state}}'],
      ['sum by (reason) (increase(membrane_relay_node_failures_total[$__rate_interval]))', 'ended: {{reason}}'],
      ['sum(membrane_relay_readers)', 'readers'],
    ),
    panel(
      'Relay: flows',
      'eps',
      'Once for each who reads.',
      ['sum(rate(membrane_relay_flows_sent_total[$__rate_interval]))', 'told'],
      ['sum by (place) (rate(membrane_relay_flows_lost_total[$__rate_interval]))', 'missing: {{place}}'],
    ),
    panel(
      'Relay: how late flows are',
      's',
      'From when a node saw a flow to when it was told, by the clocks of both; half a second is by intent.',
      ...latency('membrane_relay_lag_seconds_bucket'),
    ),
    panel('Memory of agents', 'bytes', 'Resident.', [`membrane_agent_resident_bytes{${NODES}}`, '{{instance}}']),
    panel(
      'Pods and identities',
      'none',
      'Pods by state, and identities of the cluster.',
      [`sum by (state) (membrane_endpoints{${NODES}})`, '{{state}}'],
      ['max by (state) (membrane_operator_identities)', 'identities {{state}}'],
    ),
    panel('Tenants near a limit', 'percentunit', 'The part that is used of what a tenant may have of a node.', [
      `topk(10, membrane_tenant_used{${NODES}} / membrane_tenant_limit{${NODES}})`,
      '{{tenant}} {{resource}} {{instance}}',
    ]),
  ],
};

/** Every selector has the tenant. */
const ONE_TENANT: Dashboard = {
  uid: 'membrane-tenant',
  title: 'Membrane: a tenant',
  variables: [{ name: 'tenant', values: 'label_values(membrane_tenant_pods, tenant)', isOne: true }],
  panels: [
    panel('Pods', 'none', 'By node.', [`sum by (instance) (membrane_tenant_pods{${TENANT}})`, '{{instance}}']),
    panel('Drops by reason', PER_SECOND, 'Packets from and to pods of the tenant, the direction seen from them.', [
      rates('reason, direction', `membrane_drops_total{${TENANT}}`),
      '{{reason}} {{direction}}',
    ]),
    panel('Drops by namespace', PER_SECOND, 'The ten namespaces with most.', [
      most('namespace', `membrane_drops_total{${TENANT}}`),
      '{{namespace}}',
    ]),
    panel('Connections by policy that allowed', 'cps', 'The ten policies whose rules allowed most.', [
      most('policy, direction', `membrane_policy_verdicts_total{${TENANT},verdict="forwarded"}`),
      '{{policy}} {{direction}}',
    ]),
    panel(
      'Denied by a rule',
      'cps',
      'What merely no rule allows is among the drops, as policy-ingress and policy-egress.',
      [
        most('policy, direction', `membrane_policy_verdicts_total{${TENANT},verdict="dropped"}`),
        '{{policy}} {{direction}}',
      ],
    ),
    panel('Flows that were not told', 'eps', 'Because there were too many; by namespace.', [
      most('namespace', `membrane_flow_missed_total{${TENANT}}`),
      '{{namespace}}',
    ]),
    panel('Of its limits', 'percentunit', 'The part that is used of what it may have of a node.', [
      `membrane_tenant_used{${TENANT}} / membrane_tenant_limit{${TENANT}}`,
      '{{resource}} {{instance}}',
    ]),
  ],
};

/** By file. */
export const DASHBOARDS: Readonly<Record<string, Dashboard>> = { operator: OPERATOR, tenant: ONE_TENANT };

const WIDTH = 12;
const HEIGHT = 8;
const datasource = { type: 'prometheus', uid: '${datasource}' };

/** What Grafana imports. */
export function dashboardJson({ uid, title, variables, panels }: Dashboard): string {
  const list = [
    { name: 'datasource', type: 'datasource', query: 'prometheus' },
    ...variables.map(({ name, values, isOne = false }) => ({
      name,
      type: 'query',
      datasource,
      query: { query: values, refId: name },
      refresh: 2,
      includeAll: !isOne,
      multi: !isOne,
      ...(isOne ? {} : { allValue: '.*', current: { text: ['All'], value: ['$__all'] } }),
    })),
  ];
  const dashboard = {
    uid,
    title,
    tags: ['membrane'],
    schemaVersion: 38,
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    templating: { list },
    panels: panels.map(({ title: of, what, unit, queries }, index) => ({
      id: index + 1,
      type: 'timeseries',
      title: of,
      description: what,
      datasource,
      gridPos: { x: (index % 2) * WIDTH, y: Math.floor(index / 2) * HEIGHT, w: WIDTH, h: HEIGHT },
      fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
      targets: queries.map(([expr, legendFormat], at) => ({
        refId: String.fromCharCode(0x41 + at),
        datasource,
        expr,
        legendFormat,
      })),
    })),
  };
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}
