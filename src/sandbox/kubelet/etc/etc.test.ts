import { describe, expect, it } from 'vitest';
import { podSchema } from '../../client/index.ts';
import { hostsFile } from './hosts-file.ts';
import { resolvConf } from './resolv-conf.ts';

function podOf(spec: Record<string, unknown>) {
  return podSchema.parse({
    metadata: { name: 'web-0', namespace: 'shop', uid: 'u' },
    spec: { containers: [{ name: 'main' }], ...spec },
  });
}

describe('hostsFile', () => {
  it.each([
    [{}, '10.0.0.5\tweb-0\n'],
    [{ hostname: 'other' }, '10.0.0.5\tother\n'],
    [{ subdomain: 'web' }, '10.0.0.5\tweb-0.web.shop.svc.cluster.local\tweb-0\n'],
    [
      { hostAliases: [{ ip: '1.2.3.4', hostnames: ['a', 'b.c'] }] },
      '10.0.0.5\tweb-0\n\n# Entries added by HostAliases.\n1.2.3.4\ta\tb.c\n',
    ],
  ])('of %j ends with %j', (spec, end) => {
    const text = hostsFile(podOf(spec), ['10.0.0.5'], 'cluster.local');
    expect(text).toMatch(/^# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n/);
    expect(text.slice(text.indexOf('allrouters\n') + 'allrouters\n'.length)).toBe(end);
  });
});

describe('resolvConf', () => {
  const dns = {
    servers: ['10.96.0.10'],
    domain: 'cluster.local',
    node: '# of the node\nnameserver 192.0.2.1\nsearch example.org\noptions timeout:1 rotate\n',
  };
  const cluster = [
    'search shop.svc.cluster.local svc.cluster.local cluster.local',
    'nameserver 10.96.0.10',
    'options ndots:5',
  ];
  const node = ['search example.org', 'nameserver 192.0.2.1', 'options timeout:1 rotate'];
  it.each<[Record<string, unknown>, string[]]>([
    [{}, cluster],
    [{ hostNetwork: true }, node],
    [{ hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }, cluster],
    [{ dnsPolicy: 'Default' }, node],
    [
      {
        dnsPolicy: 'None',
        dnsConfig: {
          nameservers: ['192.0.2.9'],
          searches: ['a.b'],
          options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
        },
      },
      ['search a.b', 'nameserver 192.0.2.9', 'options ndots:2 edns0'],
    ],
    [
      {
        dnsConfig: {
          nameservers: ['192.0.2.9', '10.96.0.10'],
          searches: ['a.b'],
          options: [{ name: 'ndots', value: '1' }],
        },
      },
      [`${cluster[0]} a.b`, 'nameserver 10.96.0.10', 'nameserver 192.0.2.9', 'options ndots:1'],
    ],
  ])('of %j', (spec, lines) => {
    expect(resolvConf(podOf(spec), dns)).toEqual({ text: `${lines.join('\n')}\n`, warnings: [] });
  });

  it('says what it leaves out', () => {
    const nameservers = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
    const { text, warnings } = resolvConf(podOf({ dnsConfig: { nameservers } }), dns);
    expect(text.match(/^nameserver/gm)).toHaveLength(3);
    expect(warnings).toEqual([
      'Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 10.96.0.10 192.0.2.1 192.0.2.2',
    ]);
  });
});
