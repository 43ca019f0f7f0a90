import { describe, expect, test } from 'vitest';
import { SERVICES, SLICES } from './rows.ts';
import { TestCluster } from './testkit.ts';
import { Zone, type ZoneRecord } from './zone.ts';

const HTTP = { name: 'http', protocol: 'TCP', port: 80 };

function shop(): TestCluster {
  const cluster = new TestCluster('shop', 'other', 'kube-system');
  cluster.service('web', 'shop', { clusterIP: '10.96.1.1', ports: [HTTP, { name: 'dns', protocol: 'UDP', port: 53 }] });
  cluster.service('plain', 'shop', { clusterIP: '10.96.1.2', ports: [{ port: 8080 }] });
  cluster.service('db', 'shop', { clusterIP: 'None', ports: [{ name: 'sql', port: 5432 }] });
  cluster.service('nobody', 'shop', { clusterIP: 'None' });
  cluster.service('api', 'shop', { type: 'ExternalName', externalName: 'api.example.com' });
  cluster.service('alias', 'shop', { type: 'ExternalName', externalName: 'web.shop.svc.cluster.local' });
  cluster.service('loop', 'shop', { type: 'ExternalName', externalName: 'loop.shop.svc.cluster.local' });
  cluster.service('kube-dns', 'kube-system', { clusterIP: '10.96.0.10' });
  cluster.slice(
    'db',
    'shop',
    [
      { addresses: ['10.244.1.5'], hostname: 'db-0', conditions: { ready: true } },
      { addresses: ['10.244.1.6'], conditions: {} },
      { addresses: ['10.244.1.7'], hostname: 'db-2', conditions: { ready: false } },
    ],
    [{ name: 'sql', protocol: 'TCP', port: 5432 }],
  );
  cluster.slice('web', 'shop', [{ addresses: ['10.244.1.9'] }], [HTTP]);
  return cluster;
}

const text = (record: ZoneRecord): string =>
  record.type === 'SRV'
    ? `SRV ${record.data.priority} ${record.data.weight} ${record.data.port} ${record.data.target}`
    : record.type === 'SOA'
      ? `SOA ${record.data.mname}`
      : `${record.type} ${record.data}`;

const CLUSTER = 'cluster.local';
const SVC = `svc.${CLUSTER}`;

describe('a cluster', () => {
  const zone = new Zone(shop().view, CLUSTER);
  const ask = (name: string, type = 'A') => {
    const { rcode, answers } = zone.answer(name, type);
    return [rcode, ...answers.map(text)];
  };

  test.each<[string, string, ...string[]]>([
    [`web.shop.${SVC}`, 'A', 'NOERROR', 'A 10.96.1.1'],
    [`web.shop.${SVC}`, 'AAAA', 'NOERROR'],
    [`web.other.${SVC}`, 'A', 'NXDOMAIN'],
    [`missing.shop.${SVC}`, 'A', 'NXDOMAIN'],
    [`web.missing.${SVC}`, 'A', 'NXDOMAIN'],
    [`pod.web.shop.${SVC}`, 'A', 'NXDOMAIN'],
    [`shop.${SVC}`, 'A', 'NOERROR'],
    [`missing.${SVC}`, 'A', 'NXDOMAIN'],
    [SVC, 'A', 'NOERROR'],
    [`_http._tcp.web.shop.${SVC}`, 'SRV', 'NOERROR', `SRV 0 100 80 web.shop.${SVC}`],
    [`_dns._udp.web.shop.${SVC}`, 'SRV', 'NOERROR', `SRV 0 100 53 web.shop.${SVC}`],
    [`_dns._tcp.web.shop.${SVC}`, 'SRV', 'NXDOMAIN'],
    [`_tcp.web.shop.${SVC}`, 'SRV', 'NOERROR'],
    [`_8080._tcp.plain.shop.${SVC}`, 'SRV', 'NXDOMAIN'],
    [`web.shop.${SVC}`, 'SRV', 'NOERROR', `SRV 0 50 80 web.shop.${SVC}`, `SRV 0 50 53 web.shop.${SVC}`],
    [`db.shop.${SVC}`, 'A', 'NOERROR', 'A 10.244.1.5', 'A 10.244.1.6'],
    [`db-0.db.shop.${SVC}`, 'A', 'NOERROR', 'A 10.244.1.5'],
    [`10-244-1-6.db.shop.${SVC}`, 'A', 'NOERROR', 'A 10.244.1.6'],
    [`10-244-1-5.db.shop.${SVC}`, 'A', 'NXDOMAIN'],
    [`db-2.db.shop.${SVC}`, 'A', 'NXDOMAIN'],
    [
      `_sql._tcp.db.shop.${SVC}`,
      'SRV',
      'NOERROR',
      `SRV 0 50 5432 db-0.db.shop.${SVC}`,
      `SRV 0 50 5432 10-244-1-6.db.shop.${SVC}`,
    ],
    [`nobody.shop.${SVC}`, 'A', 'NXDOMAIN'],
    [`api.shop.${SVC}`, 'A', 'NOERROR', 'CNAME api.example.com'],
    [`api.shop.${SVC}`, 'CNAME', 'NOERROR', 'CNAME api.example.com'],
    [`alias.shop.${SVC}`, 'A', 'NOERROR', `CNAME web.shop.${SVC}`, 'A 10.96.1.1'],
    ['1-2-3-4.shop.pod.cluster.local', 'A', 'NOERROR', 'A 1.2.3.4'],
    ['1-2-3-4.missing.pod.cluster.local', 'A', 'NXDOMAIN'],
    ['1-2-3.shop.pod.cluster.local', 'A', 'NXDOMAIN'],
    ['name.shop.pod.cluster.local', 'A', 'NXDOMAIN'],
    ['1.1.96.10.in-addr.arpa', 'PTR', 'NOERROR', `PTR web.shop.${SVC}`],
    ['5.1.244.10.in-addr.arpa', 'PTR', 'NOERROR', `PTR db-0.db.shop.${SVC}`],
    ['9.1.244.10.in-addr.arpa', 'PTR', 'NOERROR', `PTR 10-244-1-9.web.shop.${SVC}`],
    ['1.0.0.127.in-addr.arpa', 'PTR', 'NXDOMAIN'],
    [CLUSTER, 'SOA', 'NOERROR', 'SOA ns.dns.cluster.local'],
    [CLUSTER, 'NS', 'NOERROR', 'NS ns.dns.cluster.local'],
    ['ns.dns.cluster.local', 'A', 'NOERROR', 'A 10.96.0.10'],
    ['dns-version.cluster.local', 'TXT', 'NOERROR', 'TXT 1.1.0'],
    ['example.com', 'A', 'NXDOMAIN'],
    ['localhost', 'A', 'NXDOMAIN'],
    ['', 'A', 'NXDOMAIN'],
    ['cluster.local.evil.test', 'A', 'NXDOMAIN'],
    ['notcluster.local', 'A', 'NXDOMAIN'],
  ])('%s %s', (name, type, ...answer) => {
    expect(ask(name, type)).toEqual(answer);
  });

  test('an alias of itself comes to an end', () => {
    expect(ask(`loop.shop.${SVC}`)).toContain(`CNAME loop.shop.${SVC}`);
  });

  test('cases do not matter, and the answer has the name as it was asked', () => {
    expect(zone.answer(`WeB.Shop.${SVC}`, 'A').answers).toMatchObject([{ name: `WeB.Shop.${SVC}`, data: '10.96.1.1' }]);
  });

  test('what is not there brings the zone’s own record, which says for how long', () => {
    for (const name of ['example.com', `missing.shop.${SVC}`, `shop.${SVC}`]) {
      expect(zone.answer(name, 'A').authorities).toMatchObject([{ type: 'SOA', ttl: 30, data: { minimum: 30 } }]);
    }
  });

  test('SRV brings the addresses of its targets', () => {
    expect(zone.answer(`_sql._tcp.db.shop.${SVC}`, 'SRV').additionals.map(text)).toEqual([
      'A 10.244.1.5',
      'A 10.244.1.6',
    ]);
  });
});

test('names follow the cluster', () => {
  const cluster = shop();
  const zone = new Zone(cluster.view, CLUSTER);
  const ask = (name: string, type = 'A') => zone.answer(name, type).answers.map(text);
  const row = (name: string, clusterIP: string) =>
    SERVICES.parse({ metadata: { name, namespace: 'shop' }, spec: { clusterIP } });
  // The address goes to another service before the first one is known to be gone.
  cluster.view.applyServices({ upserts: [row('next', '10.96.1.1')], deletes: [] });
  cluster.view.applyServices({ upserts: [], deletes: [row('web', '10.96.1.1')] });
  expect(ask(`web.shop.${SVC}`)).toEqual([]);
  expect(ask('1.1.96.10.in-addr.arpa', 'PTR')).toEqual([`PTR next.shop.${SVC}`]);
  cluster.service('next', 'shop', { clusterIP: '10.96.1.7' });
  expect(ask('1.1.96.10.in-addr.arpa', 'PTR')).toEqual([]);
  cluster.slice('db', 'shop', [{ addresses: ['10.244.1.8'] }], []);
  expect(ask(`db.shop.${SVC}`)).toEqual(['A 10.244.1.8']);
  cluster.slice('db', 'shop', [{ addresses: ['10.244.2.8'] }], [], 'db-more');
  expect(ask(`db.shop.${SVC}`)).toEqual(['A 10.244.1.8', 'A 10.244.2.8']);
  const slice = { metadata: { name: 'db', namespace: 'shop' }, addressType: 'IPv4' };
  cluster.view.applySlices({ upserts: [], deletes: [SLICES.parse(slice)] });
  expect(ask(`db.shop.${SVC}`)).toEqual(['A 10.244.2.8']);
  expect(ask('8.1.244.10.in-addr.arpa', 'PTR')).toEqual([]);
  cluster.view.applyNamespaces({ upserts: [], deletes: [{ uid: '', namespace: '', name: 'other' }] });
  expect(zone.answer(`other.${SVC}`, 'A').rcode).toBe('NXDOMAIN');
});
