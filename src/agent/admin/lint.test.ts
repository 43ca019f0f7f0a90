import { beforeEach, describe, expect, test } from 'vitest';
import { namespacedName } from '../../base/index.ts';
import { Intent } from '../../cluster/index.ts';
import { namespaceRow, podRow, policyRow } from '../../cluster/samples.ts';
import type { TenantRow } from '../../model/index.ts';
import { Prefix } from '../../net/index.ts';
import { sampleService } from '../../service/samples.ts';
import { Membership } from '../../tenant/index.ts';
import { SYSTEM_SERVICES, tenantRow } from '../../tenant/testkit.ts';
import { lintView } from './lint.ts';

const TENANCY = { unassigned: 'Open', systemNamespaces: ['kube-system'], systemServices: SYSTEM_SERVICES } as const;
const shop = tenantRow('shop', { claims: { names: ['shop'], prefix: undefined } });
const billing = tenantRow('billing', { claims: { names: ['billing'], prefix: undefined } });
const ledger = { name: 'ledger', service: namespacedName({ namespace: 'billing', name: 'ledger' }), ports: undefined };
const exporting = { ...billing, exports: [{ ...ledger, to: ['shop'], expires: undefined }] };
const importing = { ...shop, imports: [{ tenant: 'billing', export: 'ledger', labels: { app: 'web' } }] };

let intent: Intent;
beforeEach(() => {
  intent = new Intent();
  const namespaces = ['shop', 'billing', 'kube-system'].map((name) => namespaceRow(name));
  const http = { name: 'http', port: 8080, protocol: 'TCP' as const };
  const pods = [
    podRow('web', { app: 'web' }),
    podRow('db', { app: 'db' }),
    podRow('ledger', { app: 'ledger' }, { namespace: 'billing', namedPorts: [http] }),
    podRow('dns', { 'k8s-app': 'kube-dns' }, { namespace: 'kube-system' }),
  ];
  const service = (
    namespace: string,
    name: string,
    selector: Record<string, string>,
    port: number,
    targetPort: number,
  ) => sampleService({ namespace, name, selector, ports: [{ name: '', protocol: 'TCP', port, targetPort }] } as never);
  intent.namespaces.apply({ upserts: namespaces, deletes: [], synced: true });
  intent.pods.apply({ upserts: pods, deletes: [], synced: true });
  const services = [
    service('billing', 'ledger', { app: 'ledger' }, 80, 8080),
    service('kube-system', 'kube-dns', { 'k8s-app': 'kube-dns' }, 53, 53),
  ];
  intent.services.apply({ upserts: services, deletes: [], synced: true });
});

/** What is said of one policy of namespace shop for its floor. */
function found(spec: object, tenants: readonly TenantRow[] = [shop, billing], cidrSelects: 'pods'[] = ['pods']) {
  intent.policies.apply({ upserts: [policyRow('p', spec)], deletes: [], synced: true });
  const repository = { settings: { enforcement: 'default', cidrSelects, allowLocalhost: 'always' } } as const;
  const floor = { membership: new Membership(tenants, TENANCY) };
  const elsewhere = { pods: function* () {} };
  return lintView({}, { intent, elsewhere, repository, floor, cluster: 'default' }).findings.filter(
    ({ rule }) => rule === 'beyond-tenant',
  );
}

const short = (...asked: Parameters<typeof found>) =>
  found(...asked).map(({ severity, field }) => `${severity} ${field}`);

const billingPods = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'billing' } } };
const everywhere = { namespaceSelector: {} };
const own = { podSelector: { matchLabels: { app: 'web' } } };
const ingress = (...peers: object[]) => ({ podSelector: {}, ingress: [{ from: [own] }, { from: peers }] });
const egress = (peer: object, ...ports: object[]) => ({
  podSelector: {},
  policyTypes: ['Egress'],
  egress: [{ to: [peer], ...(ports.length > 0 ? { ports } : {}) }],
});

describe('a rule of a tenant that the floor takes the effect from', () => {
  test.each<[string, object, string[]]>([
    ['its own pods', ingress(own), []],
    ['pods of another tenant', ingress(own, billingPods), ['warning spec.ingress[1].from[1]']],
    [
      'of those, some of nobody',
      ingress({ ...billingPods, podSelector: { matchLabels: { app: 'x' } } }),
      ['warning spec.ingress[1].from[0]'],
    ],
    [
      'namespaces that there are not',
      ingress({ namespaceSelector: { matchLabels: { no: 'one' } } }),
      ['warning spec.ingress[1].from[0]'],
    ],
    ['own pods that there are not', ingress({ podSelector: { matchLabels: { app: 'x' } } }), []],
    ['everybody', { podSelector: {}, ingress: [{}] }, ['info spec.ingress[0]']],
    ['all namespaces', ingress(everywhere), ['info spec.ingress[1].from[0]']],
    ['pods of another tenant to go to', egress(billingPods), ['warning spec.egress[0].to[0]']],
    ['the world', egress({ ipBlock: { cidr: '0.0.0.0/0' } }), ['info spec.egress[0].to[0]']],
    ['DNS of the system', egress(everywhere, { port: 53 }), []],
    ['DNS of whomever', { podSelector: {}, policyTypes: ['Egress'], egress: [{ ports: [{ port: 53 }] }] }, []],
    [
      'a policy that selects nobody',
      { podSelector: { matchLabels: { a: 'b' } }, ingress: [{ from: [billingPods] }] },
      [],
    ],
  ])('%s', (_, spec, expected) => expect(short(spec)).toEqual(expected));

  test('names nobody that it may not see', () => {
    const said = JSON.stringify([ingress(billingPods), egress(billingPods)].map((spec) => found(spec)[0]));
    expect(said).not.toContain('billing');
    expect(said).not.toContain('ledger');
    expect(said).toContain('tenant shop');
  });

  test('hangs on nobody beyond the tenant: who writes policies learns by it of no pod, namespace or label', () => {
    const asked = [
      ingress(billingPods),
      egress(billingPods, { port: 8080 }),
      ingress(everywhere),
      { podSelector: {}, ingress: [{}] },
    ];
    const all = asked.map((spec) => found(spec));
    for (const table of [intent.pods, intent.namespaces]) {
      for (const [key, { namespace, name }] of table.rows) if ((namespace || name) !== 'shop') table.delete(key);
    }
    expect(asked.map((spec) => found(spec))).toEqual(all);
    expect(all.flat()).not.toEqual([]);
  });

  test('no Tenant, or one that observes and so is not in force', () => {
    expect(short(ingress(billingPods), [])).toEqual([]);
    expect(short(ingress(billingPods), [billing])).toEqual([]);
  });

  test('the world where an address can be nothing else, where it is open, and where an API server may be there', () => {
    const world = egress({ ipBlock: { cidr: '203.0.113.0/24' } });
    expect(short(world, [shop], [])).toEqual(['warning spec.egress[0].to[0]']);
    expect(short(world, [{ ...shop, boundary: { world: 'Open', nodes: 'ProbesOnly' } }])).toEqual([]);
    expect(short(world, [{ ...shop, systemServices: ['apiserver'] }])).toEqual([]);
  });

  test.each<[string, string[], string[], string[]]>([
    ['within what is listed', ['203.0.113.0/28'], ['203.0.113.0/24'], []],
    ['around it', ['0.0.0.0/0'], ['203.0.113.0/24'], ['info spec.egress[0].to[0]']],
    ['around it, and not it', ['0.0.0.0/0', '203.0.113.0/24'], ['203.0.113.0/28'], ['warning spec.egress[0].to[0]']],
    ['beside it', ['198.51.100.0/24'], ['203.0.113.0/24'], ['warning spec.egress[0].to[0]']],
  ])('the world %s', (_, [cidr, ...except], listed, expected) => {
    const lister: TenantRow = {
      ...shop,
      boundary: { world: 'Listed', nodes: 'ProbesOnly' },
      world: { cidrs: listed.map((text) => Prefix.parse(text)), metadata: 'Never' },
    };
    expect(short(egress({ ipBlock: { cidr, except } }), [lister], [])).toEqual(expected);
  });
});

describe('a rule that means only where clouds give out credentials', () => {
  const said = (tenant: TenantRow, cidr: string, ...except: string[]) =>
    [egress({ ipBlock: { cidr, except } }), ingress({ ipBlock: { cidr, except } })].flatMap((spec) =>
      found(spec, [tenant], []).map(({ severity, why }) => `${severity} ${why}`),
    );
  const open: TenantRow = { ...shop, boundary: { world: 'Open', nodes: 'Open' }, systemServices: ['apiserver'] };
  const warning =
    "warning has no effect: tenant shop lets nothing to or from where clouds give out a machine's credentials";

  test.each([
    [['169.254.169.254/32']],
    [['fd00:ec2::254/128']],
    [['fe80::a9fe:a9fe/128']],
    [['169.254.169.252/30', '169.254.169.252/31', '169.254.169.255/32']],
    [['169.254.0.0/16', ...around('169.254.169.254', 16), '169.254.170.0/31']],
  ])('%j', ([cidr = '', ...except]) => {
    expect(said(open, cidr, ...except)).toEqual([warning, warning]);
    expect(said(shop, cidr, ...except)).toEqual([warning, warning]);
    expect(said({ ...open, world: { cidrs: [], metadata: 'Open' } }, cidr, ...except)).toEqual([]);
  });

  test.each([
    [['169.254.169.253/32']],
    [['169.254.169.254/31']],
    [['169.254.0.0/16']],
    [['0.0.0.0/0']],
    [['::/0']],
    [['169.254.169.254/32', '169.254.169.254/32']],
    [['169.254.169.252/30', '169.254.169.252/31', '169.254.169.254/32']],
  ])('not one that means others as well, or nobody: %j', ([cidr = '', ...except]) =>
    expect(said(open, cidr, ...except)).toEqual([]),
  );
});

/** What fills the prefix of this length around the address, and leaves it out. */
function around(addr: string, length: number): string[] {
  const { value } = Prefix.parse(`${addr}/32`);
  return Array.from({ length: 32 - length }, (_, at) =>
    Prefix.ofValue(4, value ^ (1n << BigInt(at)), 32 - at).toString(),
  );
}

describe('what is shared has an effect', () => {
  const to = { ...billingPods, podSelector: { matchLabels: { app: 'ledger' } } };

  test.each<[string, object, readonly TenantRow[], string[]]>([
    ['at its port', egress(to, { port: 8080 }), [importing, exporting], []],
    ['by the name of its port', egress(to, { port: 'http' }), [importing, exporting], []],
    ['at any', egress(to), [importing, exporting], []],
    ['not at another', egress(to, { port: 9090 }), [importing, exporting], ['warning spec.egress[0].to[0]']],
    [
      'not by another protocol',
      egress(to, { port: 8080, protocol: 'UDP' }),
      [importing, exporting],
      ['warning spec.egress[0].to[0]'],
    ],
    ['not the other way', ingress(to), [importing, exporting], ['warning spec.ingress[1].from[0]']],
    ['not without an import', egress(to), [shop, exporting], ['warning spec.egress[0].to[0]']],
    ['not without an export', egress(to), [importing, billing], ['warning spec.egress[0].to[0]']],
  ])('%s', (_, spec, tenants, expected) => expect(short(spec, tenants)).toEqual(expected));

  test('not for pods that it is not imported for', () => {
    const of = (app: string) => ({ ...egress(to), podSelector: { matchLabels: { app } } });
    expect(short(of('web'), [importing, exporting])).toEqual([]);
    expect(short(of('db'), [importing, exporting])).toEqual(['warning spec.egress[0].to[0]']);
  });
});
