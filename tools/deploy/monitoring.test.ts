import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { DROP_REASON_TEXTS } from '../../src/model/index.ts';
import { PROMTOOL } from '../../test/scenarios/promtool.ts';
import { declaredMetrics } from '../docs/metrics-page.ts';
import { DASHBOARDS } from './dashboards.ts';

const FILE = join(import.meta.dirname, '../../deploy/monitoring/alerts.yaml');
const { groups } = parse(readFileSync(FILE, 'utf8')) as { groups: { rules: { alert: string; expr: string }[] }[] };
const rules = groups.flatMap(({ rules: all }) => all);
const panels = Object.entries(DASHBOARDS).flatMap(([name, { panels: all }]) =>
  all.flatMap(({ title, queries }) =>
    queries.map(([expr, legend]) => ({ where: `${name}: ${title}`, name, legend, expr: concrete(expr) })),
  ),
);
const asked = [...rules.map(({ alert, expr }) => ({ where: alert, expr })), ...panels];

/** As Grafana asks. */
function concrete(expr: string): string {
  const values = { __rate_interval: '5m', instance: '.*', tenant: 'a' };
  return expr.replaceAll(/\$(\w+)/g, (_, name: keyof typeof values) => values[name]);
}

/** By name, with their labels: a histogram is three series. */
const metrics = new Map(
  declaredMetrics().flatMap(({ name, kind, labels }): [string, string[]][] => {
    const own = labels.match(/\w+/g) ?? [];
    if (kind !== 'histogram') return [[name, own]];
    return [
      [`${name}_bucket`, [...own, 'le']],
      [`${name}_count`, own],
      [`${name}_sum`, own],
    ];
  }),
);
const labelsOf = (name: string): string[] => [...(metrics.get(name) ?? []), 'instance', 'job'];

describe('what is asked of Prometheus', () => {
  it.each(asked)('is there, with the labels by which it is chosen and summed up: $where', ({ where, expr }) => {
    const used = [...expr.matchAll(/(membrane_\w+)(?:\{([^}]*)\})?/g)];
    expect(used, where).not.toEqual([]);
    for (const [, name = '', selector = ''] of used) {
      expect([...metrics.keys()]).toContain(name);
      for (const [, label] of selector.matchAll(/(\w+)(?=!?[=~])/g)) expect(labelsOf(name), name).toContain(label);
    }
    const all = new Set(used.flatMap(([, name = '']) => labelsOf(name)));
    for (const [, list = ''] of expr.matchAll(/\bby \(([^)]*)\)/g))
      for (const label of list.split(',')) expect([...all]).toContain(label.trim());
  });

  it('is named in legends only by labels that are left', () => {
    for (const { where, expr, legend } of panels) {
      const by = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) =>
        list.split(',').map((one) => one.trim()),
      );
      const left = /\bby \(|\b(sum|max|count)\(/.test(expr)
        ? by
        : [...expr.matchAll(/membrane_\w+/g)].flatMap(([name]) => labelsOf(name));
      for (const [, label] of legend.matchAll(/\{\{(\w+)\}\}/g)) expect(left, where).toContain(label);
    }
  });

  it('is about one tenant alone in the dashboard of a tenant', () => {
    for (const { where, expr } of panels.filter(({ name }) => name === 'tenant'))
      for (const [selected] of expr.matchAll(/membrane_\w+(\{[^}]*\})?/g))
        expect(selected, where).toContain('tenant="a"');
  });

  it('names reasons for dropping that there are', () => {
    const named = rules.flatMap(({ expr }) =>
      [...expr.matchAll(/reason=~"([^"]*)"/g)].flatMap(([, list = '']) => list.split('|')),
    );
    expect(named).not.toEqual([]);
    expect(named.filter((reason) => !Object.hasOwn(DROP_REASON_TEXTS, reason))).toEqual([]);
  });
});

/** Of labels that a query may choose by; `x` of all others. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  instance: ['node-1:9962'],
  tenant: ['a'],
  reason: ['none', 'policy-ingress'],
  verdict: ['forwarded', 'dropped'],
  command: ['ADD'],
  result: ['done', 'failed'],
  place: ['kernel'],
  state: ['connected', 'unavailable'],
  le: ['0.1', '+Inf'],
};

/** One of each, which grows. */
function anySeries(): { series: string; values: string }[] {
  return [...metrics].flatMap(([name, labels]) => {
    let all: string[] = [''];
    for (const label of ['instance', ...labels])
      all = all.flatMap((text) => (VALUES[label] ?? ['x']).map((value) => `${text}${text && ','}${label}="${value}"`));
    const isZero = name === 'membrane_kube_connected';
    return all.map((text) => ({ series: `${name}{${text}}`, values: isZero ? '0x60' : '1+60x60' }));
  });
}

type Firing = { readonly alert: string; readonly series: string; readonly fires: string; readonly rests: string };
const at = (series: string, fires: string, rests: string) => ({ series, fires, rests });
const counter = (series: string, many: number, few: number) => at(series, `0+${many}x60`, `0+${few}x60`);
/** A value a minute, of which something is to be done about, and of which not. */
const FIRING: Readonly<Record<string, Omit<Firing, 'alert'>>> = {
  MembraneDatapathBroken: at('membrane_datapath_problems', '1x60', '0x60'),
  MembranePolicyClosed: at('membrane_policy_closed_identities', '1x60', '0x60'),
  MembranePolicyRefused: at('membrane_policy_closed_policies{reason="no-room"}', '1x60', '0x60'),
  MembraneViewOutOfDate: at('membrane_kube_silence_seconds{kind="Pod"}', '300x60', '35x60'),
  MembraneNotFollowing: at('membrane_kube_connected{kind="Pod"}', '0x60', '1x60'),
  MembraneObjectUnreadable: at('membrane_kube_unreadable_objects{kind="Pod"}', '1x60', '0x60'),
  MembranePodsNotConnected: counter('membrane_cni_request_seconds_count{command="ADD",result="failed"}', 2, 0),
  MembranePolicySlow: counter('membrane_policy_pass_seconds_bucket{le="+Inf"}', 10, 0),
  MembraneProofDiffers: at('membrane_proof_differences{layer="policy"}', '2x60', '0x60'),
  MembraneTenantAtLimit: at('membrane_tenant_used{tenant="a",resource="connections"}', '95x60', '80x60'),
  MembraneMapFull: at('membrane_map_fill_ratio{map="policy"}', '0.95x60', '0.5x60'),
  MembraneAddressesUnplaced: at('membrane_unplaced_addresses', '1x60', '0x60'),
  MembraneAddressesDisbelieved: at('membrane_disbelieved_addresses{reason="x"}', '1x60', '0x60'),
  MembraneForgedPackets: counter('membrane_datapath_packets_total{reason="spoofed-ip",direction="egress"}', 600, 6),
  MembraneFlowsLost: counter('membrane_flow_lost_total{place="kernel"}', 12_000, 600),
  MembraneExportLosesFlows: counter('membrane_flow_export_lost_total{reason="file"}', 5, 0),
  MembraneCollectorLosesFlows: counter('membrane_otlp_flows_lost_total{reason="refused"}', 5, 0),
  MembraneRelayMissesNodes: at('membrane_relay_nodes{state="unavailable"}', '1x60', '0x60'),
  MembraneNodeLies: counter('membrane_relay_node_failures_total{reason="lie"}', 1, 0),
  MembraneOperatorMissing: at('membrane_kube_operator_silence_seconds', '0+60x60', '60x60'),
  MembraneRouteLocalnet: at('membrane_route_localnet_interfaces', '1x60', '0x60'),
};
/** What others need beside theirs. */
const BESIDE = [
  { series: 'membrane_policy_pass_seconds_bucket{le="1"}', values: '0x60' },
  { series: 'membrane_policy_pass_seconds_bucket{le="5"}', values: '0x60' },
  { series: 'membrane_tenant_limit{tenant="a",resource="connections"}', values: '100x60' },
];

/** Prometheus' own judge; undefined: all is as it is expected to be. */
function wrong(command: 'check' | 'test', file: string): string | undefined {
  const { status, stdout, stderr } = spawnSync(PROMTOOL ?? '', [command, 'rules', file], { encoding: 'utf8' });
  return status === 0 ? undefined : stdout + stderr;
}

function tested(tests: readonly object[]): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'membrane-rules-'));
  try {
    const file = join(folder, 'test.yaml');
    writeFileSync(file, stringify({ rule_files: [FILE], evaluation_interval: '1m', tests }));
    return wrong('test', file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const firing = (alert: string, isIt: boolean) => ({
  expr: `count by (alertname) (ALERTS{alertname="${alert}",alertstate="firing"})`,
  eval_time: '40m',
  exp_samples: isIt ? [{ labels: `{alertname="${alert}"}`, value: 1 }] : [],
});

describe.skipIf(PROMTOOL === undefined)('promtool', () => {
  it('takes the rules', () => {
    expect(wrong('check', FILE)).toBeUndefined();
  });

  it('says of each that it fires when it should, and rests when it should', () => {
    expect(Object.keys(FIRING).sort()).toEqual(rules.map(({ alert }) => alert).sort());
    const tests = Object.entries(FIRING).flatMap(([alert, { series, fires, rests }]) =>
      [true, false].map((isIt) => ({
        interval: '1m',
        name: `${alert} ${isIt ? 'fires' : 'rests'}`,
        input_series: [{ series, values: isIt ? fires : rests }, ...BESIDE.filter((one) => one.series !== series)],
        promql_expr_test: [firing(alert, isIt)],
      })),
    );
    expect(tested(tests)).toBeUndefined();
    // It does find what is wrong.
    const [first, second] = tests;
    expect(tested([{ ...first, input_series: second?.input_series }])).toContain('MembraneDatapathBroken');
  });

  it('reads what dashboards ask, and has an answer to each of it', () => {
    const promql_expr_test = panels.map(({ expr }) => ({
      expr: `count(${expr}) > bool 0`,
      eval_time: '40m',
      exp_samples: [{ labels: '{}', value: 1 }],
    }));
    expect(tested([{ interval: '1m', input_series: anySeries(), promql_expr_test }])).toBeUndefined();
  });
});
