import { describe, expect, test } from 'vitest';
import { at, type JsonObject, listAt, stringAt } from '../json.ts';
import { PODS, POLICIES, podOf, policyOf, TestServer } from '../testkit.ts';

const ingress = (rule: JsonObject): JsonObject => ({ podSelector: {}, ingress: [rule] });
const port = (value: JsonObject): JsonObject => ingress({ ports: [value] });
const peer = (value: JsonObject): JsonObject => ingress({ from: [value] });

describe('NetworkPolicy', () => {
  const refused: [JsonObject, string][] = [
    [port({ port: 0 }), 'spec.ingress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive'],
    [
      port({ port: 65_536 }),
      'spec.ingress[0].ports[0].port: Invalid value: 65536: must be between 1 and 65535, inclusive',
    ],
    [
      port({ endPort: 2 }),
      'spec.ingress[0].ports[0].endPort: Invalid value: 2: may not be specified when `port` is not specified',
    ],
    [
      port({ port: 'web', endPort: 2 }),
      'spec.ingress[0].ports[0].endPort: Invalid value: 2: may not be specified when `port` is non-numeric',
    ],
    [
      port({ port: 9, endPort: 8 }),
      'spec.ingress[0].ports[0].endPort: Invalid value: 8: must be greater than or equal to `port`',
    ],
    [
      port({ port: 9, endPort: 70_000 }),
      'spec.ingress[0].ports[0].endPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
    ],
    [
      port({ port: 'a-name-that-is-too-long' }),
      'spec.ingress[0].ports[0].port: Invalid value: "a-name-that-is-too-long": must be no more than 15 characters',
    ],
    [
      port({ port: '123' }),
      'spec.ingress[0].ports[0].port: Invalid value: "123": must contain at least one letter (a-z)',
    ],
    [
      port({ port: 1, protocol: 'ICMP' }),
      'spec.ingress[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP"',
    ],
    [peer({}), 'spec.ingress[0].from[0]: Required value: must specify a peer'],
    [
      peer({ ipBlock: { cidr: '10.0.0.0/8' }, podSelector: {} }),
      'spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer',
    ],
    [peer({ ipBlock: { cidr: '' } }), 'spec.ingress[0].from[0].ipBlock.cidr: Required value'],
    [
      peer({ ipBlock: { cidr: '10.0.0.0' } }),
      'spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
    ],
    [peer({ ipBlock: { cidr: '10.0.0.0/33' } }), 'spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "10.0.0.0/33"'],
    [
      peer({ ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/16'] } }),
      'spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`',
    ],
    [peer({ ipBlock: { cidr: '10.0.0.0/8', except: ['10.0.0.0/8'] } }), 'must be a strict subset of `cidr`'],
    [peer({ ipBlock: { cidr: '10.0.0.0/8', except: ['::1/128'] } }), 'must be a strict subset of `cidr`'],
    [
      peer({ podSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } }),
      "spec.ingress[0].from[0].podSelector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
    ],
    [
      peer({ podSelector: { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['x'] }] } }),
      "matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
    ],
    [
      peer({ podSelector: { matchExpressions: [{ key: 'a', operator: 'Like' }] } }),
      'matchExpressions[0].operator: Invalid value: "Like": not a valid selector operator',
    ],
    [
      peer({ podSelector: { matchLabels: { 'a b': 'c' } } }),
      'spec.ingress[0].from[0].podSelector.matchLabels: Invalid value: "a b": name part must consist of alphanumeric characters',
    ],
    [
      { podSelector: {}, policyTypes: ['Ingress', 'Both'] },
      'spec.policyTypes[1]: Unsupported value: "Both": supported values: "Ingress", "Egress"',
    ],
    [{ podSelector: {}, policyTypes: ['Ingress', 'Egress', 'Ingress'] }, 'may not specify more than two policyTypes'],
    [
      { podSelector: {}, egress: [{ to: [{ ipBlock: { cidr: 'x/y' } }] }] },
      'spec.egress[0].to[0].ipBlock.cidr: Invalid value: "x/y"',
    ],
  ];
  test.each(refused)('refuses %j', async (spec, message) => {
    await using api = await TestServer.start();
    const { status, body } = await api.post(POLICIES, policyOf('a', spec));
    expect(status).toBe(422);
    expect(body['message']).toContain(message);
    expect(body['message']).toMatch(/^NetworkPolicy\.networking\.k8s\.io "a" is invalid: /);
    const [cause] = listAt(body, 'details', 'causes');
    expect(stringAt(cause, 'field')).toMatch(/^spec\./);
  });

  const accepted: [JsonObject, JsonObject][] = [
    [{}, { podSelector: {}, policyTypes: ['Ingress'] }],
    [{ podSelector: {}, egress: [{}] }, { policyTypes: ['Ingress', 'Egress'] }],
    [port({ port: 80 }), { ingress: [{ ports: [{ port: 80, protocol: 'TCP' }] }] }],
    [port({ port: 20_000, endPort: 20_000 }), {}],
    [port({ protocol: 'SCTP' }), { ingress: [{ ports: [{ protocol: 'SCTP' }] }] }],
    [port({ port: 'serve-80-tcp' }), {}],
    [peer({ ipBlock: { cidr: '0.0.0.0/0', except: ['10.0.0.0/8'] } }), {}],
    [peer({ ipBlock: { cidr: '2001:db8::/32', except: ['2001:db8:1::/48'] } }), {}],
    [
      peer({ ipBlock: { cidr: '::ffff:192.0.2.0/120' } }),
      { ingress: [{ from: [{ ipBlock: { cidr: '::ffff:192.0.2.0/120' } }] }] },
    ],
    [peer({ ipBlock: { cidr: '::192.0.2.0/120', except: ['::192.0.2.1/128'] } }), {}],
    [
      peer({ ipBlock: { cidr: '010.0.0.0/08', except: ['10.001.0.0/16'] } }),
      { ingress: [{ from: [{ ipBlock: { cidr: '010.0.0.0/08' } }] }] },
    ],
    [
      peer({ podSelector: {}, namespaceSelector: {} }),
      { ingress: [{ from: [{ podSelector: {}, namespaceSelector: {} }] }] },
    ],
  ];
  test.each(accepted)('accepts %j', async (spec, expected) => {
    await using api = await TestServer.start();
    const { status, body } = await api.post(POLICIES, policyOf('a', spec));
    expect(status).toBe(201);
    expect(body['spec']).toMatchObject(expected);
  });

  test.each([
    [peer({ ipBlock: { cidr: '010.0.0.0/8' } }), 'non-standard CIDR value \\"010.0.0.0/8\\"'],
    [peer({ ipBlock: { cidr: '::ffff:192.0.2.0/120' } }), 'use \\"192.0.2.0/24\\"'],
    [
      { podSelector: { matchExpressions: [{ key: 'a', operator: 'NotIn', values: ['x'.repeat(80)] }] } },
      'spec.podSelector.matchExpressions[0].values[0]: not a value that a label can have',
    ],
  ])('accepts what older servers stored, with a warning: %j', async (spec, warning) => {
    await using api = await TestServer.start();
    const { status, headers } = await api.post(POLICIES, policyOf('a', spec));
    expect(status).toBe(201);
    expect(headers.get('warning')).toContain(warning);
  });

  test.each([
    ['Ignore', { podSelector: {}, later: [1], ingress: [{ from: [{ names: ['x'] }] }] }],
    ['Warn', { podSelector: {}, policyTypes: ['Ingress'], ingress: [{}] }],
  ])('keeps the fields of a later version only with fieldValidation=%s', async (mode, expected) => {
    await using api = await TestServer.start();
    const given = {
      podSelector: {},
      later: [1],
      ingress: [mode === 'Ignore' ? { from: [{ names: ['x'] }] } : { later: 1 }],
    };
    const { status, body } = await api.post(`${POLICIES}?fieldValidation=${mode}`, policyOf('a', given));
    expect(status).toBe(201);
    expect(body['spec']).toMatchObject(expected);
    expect(JSON.stringify(body).includes('later')).toBe(mode === 'Ignore');
  });

  test('warns of host bits in a CIDR', async () => {
    await using api = await TestServer.start();
    const { status, headers } = await api.post(POLICIES, policyOf('a', peer({ ipBlock: { cidr: '10.0.0.1/8' } })));
    expect(status).toBe(201);
    expect(headers.get('warning')).toMatch(
      /^299 - "spec\.ingress\[0\]\.from\[0\]\.ipBlock\.cidr: CIDR value \\"10\.0\.0\.1\/8\\" is ambiguous/,
    );
  });
});

describe('Pod', () => {
  const one = (extra: JsonObject): JsonObject => ({ containers: [{ name: 'm', image: 'i', ...extra }] });
  const refused: [JsonObject, string][] = [
    [{ containers: [] }, 'spec.containers: Required value'],
    [{ containers: [{ name: 'm' }] }, 'spec.containers[0].image: Required value'],
    [{ containers: [{ image: 'i' }] }, 'spec.containers[0].name: Required value'],
    [
      {
        containers: [
          { name: 'm', image: 'i' },
          { name: 'm', image: 'i' },
        ],
      },
      'spec.containers[1].name: Duplicate value: "m"',
    ],
    [
      one({ ports: [{ containerPort: 70_000 }] }),
      'spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
    ],
    [
      one({
        ports: [
          { containerPort: 1, name: 'a' },
          { containerPort: 2, name: 'a' },
        ],
      }),
      'spec.containers[0].ports[1].name: Duplicate value: "a"',
    ],
    [
      one({ ports: [{ containerPort: 1, protocol: 'tcp' }] }),
      'spec.containers[0].ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"',
    ],
    [one({ imagePullPolicy: 'Sometimes' }), 'spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes"'],
    [
      one({ volumeMounts: [{ name: 'v', mountPath: '/v' }] }),
      'spec.containers[0].volumeMounts[0].name: Not found: "v"',
    ],
    [
      { ...one({ volumeMounts: [{ name: 'v', mountPath: '/v', subPath: 'a/../..' }] }), volumes: [{ name: 'v' }] },
      'spec.containers[0].volumeMounts[0].subPath: Invalid value: "a/../..": must not contain \'..\'',
    ],
    [
      { ...one({}), volumes: [{ name: 'v', emptyDir: {}, configMap: { name: 'c' } }] },
      'spec.volumes[0].configMap: Forbidden: may not specify more than 1 volume type',
    ],
    [{ ...one({}), volumes: [{ name: 'v', secret: {} }] }, 'spec.volumes[0].secret.secretName: Required value'],
    [
      { ...one({}), volumes: [{ name: 'v', configMap: { name: 'c', items: [{ key: 'a', path: '..data' }] } }] },
      'spec.volumes[0].configMap.items[0].path: Invalid value: "..data": must not start with \'..\'',
    ],
    [
      { ...one({}), volumes: [{ name: 'v', configMap: { name: 'c', defaultMode: 0o1777 } }] },
      'spec.volumes[0].configMap.defaultMode: Invalid value: 1023: must be a number between 0 and 0777 (octal), both inclusive',
    ],
    [
      { ...one({}), volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken: { path: '/token' } }] } }] },
      'spec.volumes[0].projected.sources[0].serviceAccountToken.path: Invalid value: "/token": must be a relative path',
    ],
    [
      { ...one({}), volumes: [{ name: 'v', hostPath: { path: '/a/../b' } }] },
      'spec.volumes[0].hostPath.path: Invalid value: "/a/../b": must not contain \'..\'',
    ],
    [
      { ...one({}), restartPolicy: 'Maybe' },
      'spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "OnFailure", "Never"',
    ],
    [{ ...one({}), nodeName: 'Node_1' }, 'spec.nodeName: Invalid value: "Node_1"'],
    [
      { ...one({}), terminationGracePeriodSeconds: -1 },
      'spec.terminationGracePeriodSeconds: Invalid value: -1: must be greater than or equal to 0',
    ],
    [one({ livenessProbe: {} }), 'spec.containers[0].livenessProbe: Required value: must specify a handler type'],
    [
      one({ livenessProbe: { exec: { command: ['a'] }, tcpSocket: { port: 1 } } }),
      'spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type',
    ],
    [
      one({ startupProbe: { exec: { command: ['a'] }, successThreshold: 2 } }),
      'spec.containers[0].startupProbe.successThreshold: Invalid value: 2: must be 1',
    ],
    [
      one({ readinessProbe: { exec: { command: ['a'] }, terminationGracePeriodSeconds: 1 } }),
      'spec.containers[0].readinessProbe.terminationGracePeriodSeconds: Invalid value: 1: must not be set for readinessProbes',
    ],
    [
      one({ restartPolicy: 'Always' }),
      'spec.containers[0].restartPolicy: Forbidden: may not be set for non-init containers',
    ],
    [
      { ...one({}), initContainers: [{ name: 'i', image: 'i', restartPolicy: 'Never' }] },
      'spec.initContainers[0].restartPolicy: Unsupported value: "Never": supported values: "Always"',
    ],
    [
      { ...one({}), initContainers: [{ name: 'i', image: 'i', livenessProbe: { exec: { command: ['a'] } } }] },
      'spec.initContainers[0].livenessProbe: Forbidden: must not be set for init containers',
    ],
    [
      one({ lifecycle: { preStop: {} } }),
      'spec.containers[0].lifecycle.preStop: Required value: must specify a handler type',
    ],
  ];
  test.each(refused)('refuses %j', async (spec, message) => {
    await using api = await TestServer.start();
    const { status, body } = await api.post(PODS, { ...podOf('a'), spec });
    expect([status, body['message']]).toEqual([422, expect.stringContaining(message)]);
  });

  test('may change image, deadline and tolerations, and nothing else', async () => {
    await using api = await TestServer.start();
    await api.post(PODS, podOf('a'));
    const good = {
      spec: {
        activeDeadlineSeconds: 60,
        tolerations: [{ key: 'x', operator: 'Exists' }],
        containers: [{ name: 'main', image: 'other' }],
      },
    };
    expect((await api.patch(`${PODS}/a`, 'strategic', good)).status).toBe(200);
    const bad = await api.patch(`${PODS}/a`, 'strategic', { spec: { containers: [{ name: 'main', command: ['x'] }] } });
    expect(bad.body['message']).toContain('spec: Forbidden: pod updates may not change fields other than');
  });
});

describe('metadata', () => {
  test.each([
    ['Upper', 'a lowercase RFC 1123 subdomain must consist of'],
    ['a'.repeat(254), 'must be no more than 253 characters'],
  ])('refuses the name %s', async (name, message) => {
    await using api = await TestServer.start();
    const { status, body } = await api.post(PODS, podOf(name));
    expect([status, body['message']]).toEqual([422, expect.stringContaining(message)]);
  });

  test('a namespace name is a DNS label', async () => {
    await using api = await TestServer.start();
    const { status, body } = await api.post('/api/v1/namespaces', { metadata: { name: 'a.b' } });
    expect([status, body['message']]).toEqual([
      422,
      `Namespace "a.b" is invalid: metadata.name: Invalid value: "a.b": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
    ]);
  });

  test('a namespace always has its name as a label', async () => {
    await using api = await TestServer.start();
    const answer = await api.patch('/api/v1/namespaces/default', 'merge', {
      metadata: { labels: { 'kubernetes.io/metadata.name': 'kube-system' } },
    });
    expect(answer.body).toMatchObject({ metadata: { labels: { 'kubernetes.io/metadata.name': 'default' } } });
  });
});

describe('Service', () => {
  const SERVICES = '/api/v1/namespaces/default/services';

  test('gets defaults and an address of its own', async () => {
    await using api = await TestServer.start({ serviceCidr: '10.96.0.0/16' });
    const first = await api.post(SERVICES, { metadata: { name: 'a' }, spec: { ports: [{ port: 80 }] } });
    expect(first.body['spec']).toMatchObject({
      type: 'ClusterIP',
      sessionAffinity: 'None',
      clusterIP: expect.stringMatching(/^10\.96\./),
      ports: [{ port: 80, targetPort: 80, protocol: 'TCP' }],
    });
    const clusterIP = stringAt(first.body, 'spec', 'clusterIP') ?? '';
    const taken = await api.post(SERVICES, { metadata: { name: 'b' }, spec: { clusterIP, ports: [{ port: 80 }] } });
    expect(taken.body['message']).toContain('provided IP is already allocated');
    await api.delete(`${SERVICES}/a`);
    expect(
      (await api.post(SERVICES, { metadata: { name: 'b' }, spec: { clusterIP, ports: [{ port: 80 }] } })).status,
    ).toBe(201);
  });

  test('gets node ports that nobody else has', async () => {
    await using api = await TestServer.start();
    const spec = { type: 'NodePort', ports: [{ port: 80 }] };
    const ports = new Set<unknown>();
    for (const name of ['a', 'b', 'c']) {
      const { body } = await api.post(SERVICES, { metadata: { name }, spec });
      ports.add(listAt(body, 'spec', 'ports').map((p) => (p as JsonObject)['nodePort'])[0]);
    }
    expect(ports.size).toBe(3);
  });

  test('leaves the beginning of both ranges to those who ask for a number', async () => {
    await using api = await TestServer.start({ serviceCidr: '10.96.0.0/22' });
    const create = async (name: string, spec: JsonObject = {}, port: JsonObject = {}) =>
      (
        await api.post(SERVICES, {
          metadata: { name },
          spec: { type: 'NodePort', ports: [{ port: 80, ...port }], ...spec },
        })
      ).body;
    for (const name of ['a', 'b', 'c']) await create(name);
    expect(await create('asks', { clusterIP: '10.96.0.2' }, { nodePort: 30_001 })).toMatchObject({
      spec: { clusterIP: '10.96.0.2', ports: [{ nodePort: 30_001 }] },
    });
    expect(await create('d')).toMatchObject({ spec: { clusterIP: '10.96.0.68', ports: [{ nodePort: 30_089 }] } });
    const reserved = await create('thief', { clusterIP: '10.96.0.1' });
    expect(reserved['message']).toContain('provided IP is already allocated');
  });

  test('forgets the time of its affinity when it has none', async () => {
    await using api = await TestServer.start();
    const spec = { sessionAffinity: 'ClientIP', ports: [{ port: 80 }] };
    const { body } = await api.post(SERVICES, { metadata: { name: 'a' }, spec });
    expect(body).toMatchObject({ spec: { sessionAffinityConfig: { clientIP: { timeoutSeconds: 10_800 } } } });
    const patched = await api.patch(`${SERVICES}/a`, 'strategic', { spec: { sessionAffinity: 'None' } });
    expect(patched.status).toBe(200);
    expect(patched.body['spec']).not.toHaveProperty('sessionAffinityConfig');
  });

  test.each([[{ nodePort: 30_333 }], [{}]])('shares a node port between protocols of one port: %j', async (asked) => {
    await using api = await TestServer.start();
    const both = ['TCP', 'UDP'].map((protocol) => ({ name: protocol.toLowerCase(), protocol, port: 80, ...asked }));
    const spec = { type: 'NodePort', ports: both };
    const { status, body } = await api.post(SERVICES, { metadata: { name: 'a' }, spec });
    const [tcp, udp] = listAt(body, 'spec', 'ports').map((port) => (port as JsonObject)['nodePort']);
    expect({ status, udp }).toEqual({ status: 201, udp: tcp });
    const ports = [
      { ...both[0], nodePort: 30_444 },
      { ...both[1], port: 81, nodePort: 30_444 },
    ];
    const other = await api.post(SERVICES, { metadata: { name: 'b' }, spec: { type: 'NodePort', ports } });
    expect(other.body['message']).toContain('spec.ports[1].nodePort: Invalid value: 30444: provided port is already');
  });

  test.each<[JsonObject, string]>([
    [{}, 'spec.ports: Required value'],
    [{ ports: [{ port: 0 }] }, 'spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive'],
    [{ ports: [{ port: 1 }, { port: 2 }] }, 'spec.ports[0].name: Required value'],
    [{ type: 'Magic', ports: [{ port: 1 }] }, 'spec.type: Unsupported value: "Magic"'],
    [{ type: 'ExternalName' }, 'spec.externalName: Required value'],
    [{ type: 'ExternalName', externalName: 'x.y', clusterIP: '10.96.0.9' }, 'spec.clusterIPs[0]: Forbidden'],
    [{ ports: [{ port: 1 }], externalIPs: ['127.0.0.1'] }, 'may not be in the loopback range'],
    [{ ports: [{ port: 1 }], externalTrafficPolicy: 'Local' }, 'may only be set for externally-accessible services'],
    [{ ports: [{ port: 1 }], ipFamilies: ['IPv6'] }, 'spec.ipFamilies[0]: Invalid value: "IPv6": not configured'],
    [{ ports: [{ port: 1 }], ipFamilies: ['IPv4', 'IPv4'] }, 'spec.ipFamilies[1]: Duplicate value: "IPv4"'],
    [{ ports: [{ port: 1 }], ipFamilies: ['IPX'] }, 'spec.ipFamilies[0]: Unsupported value: "IPX"'],
    [{ ports: [{ port: 1 }], ipFamilyPolicy: 'RequireDualStack' }, 'this cluster is not configured for dual-stack'],
    [{ ports: [{ port: 1 }], ipFamilyPolicy: 'Both' }, 'spec.ipFamilyPolicy: Unsupported value: "Both"'],
    [{ ports: [{ port: 1 }], ipFamilies: ['IPv4', 'IPv6'] }, 'when multiple IP families are specified'],
    [{ ports: [{ port: 1 }], clusterIPs: ['10.96.0.9'] }, 'must be empty when `clusterIP` is not specified'],
    [{ ports: [{ port: 1 }], clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.8'] }, 'first value must match `clusterIP`'],
    [{ clusterIP: 'None', clusterIPs: ['None', '10.96.0.8'] }, "'None' must be the first and only value"],
    [{ ports: [{ port: 1 }], clusterIP: 'auto' }, 'spec.clusterIPs[0]: Invalid value: "auto": must be a valid IP'],
    [{ type: 'ExternalName', externalName: 'x.y', ipFamilies: ['IPv4'] }, 'spec.ipFamilies: Forbidden: may not be set'],
    [{ ports: [{ port: 1 }], trafficDistribution: 'Close' }, 'Unsupported value: "Close": supported values: "Pref'],
    [{ ports: [{ port: 1 }], loadBalancerSourceRanges: ['10.0.0.0/8'] }, "only be used when `type` is 'LoadBalancer'"],
    [{ ports: [{ port: 1 }], loadBalancerClass: 'a/b' }, 'spec.loadBalancerClass: Forbidden: may only be used when'],
    [
      { type: 'LoadBalancer', ports: [{ port: 1 }], loadBalancerSourceRanges: ['10.0.0.0/33'] },
      'spec.loadBalancerSourceRanges[0]: Invalid value: "10.0.0.0/33": must be a valid CIDR value',
    ],
    [
      { type: 'NodePort', externalTrafficPolicy: 'Local', healthCheckNodePort: 30_999, ports: [{ port: 1 }] },
      "spec.healthCheckNodePort: Invalid value: 30999: may only be set when `type` is 'LoadBalancer' and",
    ],
    [
      {
        ports: [{ port: 1 }],
        sessionAffinity: 'ClientIP',
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 86_401 } },
      },
      'must be greater than 0 and less than 86400',
    ],
  ])('refuses %j', async (spec, message) => {
    await using api = await TestServer.start();
    const { status, body } = await api.post(SERVICES, { metadata: { name: 'a' }, spec });
    expect([status, body['message']]).toEqual([422, expect.stringContaining(message)]);
  });

  test.each(['010.0.0.0/08', ' 2001:db8::/32', '10.0.0.1/8'])(
    'takes ranges as older servers wrote them: %s',
    async (range) => {
      await using api = await TestServer.start();
      const spec = { type: 'LoadBalancer', ports: [{ port: 1 }], loadBalancerSourceRanges: [range] };
      const { status } = await api.post(SERVICES, { metadata: { name: 'a' }, spec });
      expect(status).toBe(201);
    },
  );

  test.each([
    [{ clusterIP: '10.96.0.77' }, 'spec.clusterIPs[0]: Invalid value: ["10.96.0.77"]: may not change once set'],
    [{ clusterIP: '10.96.0.77', clusterIPs: ['10.96.0.77'] }, 'may not change once set'],
    [{ clusterIP: 'None' }, 'may not change once set'],
    [{ clusterIPs: ['10.96.0.77'] }, 'first value must match `clusterIP`'],
    [{ ipFamilies: ['IPv6'] }, 'not configured on this cluster'],
  ])('keeps its address against %j', async (spec, message) => {
    await using api = await TestServer.start();
    await api.post(SERVICES, { metadata: { name: 'a' }, spec: { ports: [{ port: 80 }] } });
    const { status, body } = await api.patch(`${SERVICES}/a`, 'merge', { spec });
    expect([status, body['message']]).toEqual([422, expect.stringContaining(message)]);
    const { body: same } = await api.patch(`${SERVICES}/a`, 'merge', { spec: { clusterIP: null, clusterIPs: null } });
    expect(same['spec']).toMatchObject({ clusterIP: expect.stringMatching(/^10\./), clusterIPs: [expect.anything()] });
  });

  test.each([
    [{ clusterIP: 'None' }, { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv4', 'IPv6'] }],
    [
      { clusterIP: 'None', selector: { a: 'b' } },
      { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'] },
    ],
    [{ ipFamilyPolicy: 'PreferDualStack' }, { ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv4'] }],
  ])('gets the families that the cluster has: %j', async (spec, expected) => {
    await using api = await TestServer.start();
    const { body } = await api.post(SERVICES, { metadata: { name: 'a' }, spec: { ports: [{ port: 80 }], ...spec } });
    expect(body['spec']).toMatchObject(expected);
  });

  test('has no node ports that its balancer does without, and keeps those that were asked for', async () => {
    await using api = await TestServer.start();
    const ports = [
      { name: 'a', port: 80 },
      { name: 'b', port: 81, nodePort: 30_100 },
    ];
    const spec = { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, ports };
    const nodePorts = ({ body }: { body: JsonObject }) => listAt(body, 'spec', 'ports').map((p) => at(p, 'nodePort'));
    expect(nodePorts(await api.post(SERVICES, { metadata: { name: 'a' }, spec }))).toEqual([undefined, 30_100]);
    const change = async (to: JsonObject) => nodePorts(await api.patch(`${SERVICES}/a`, 'merge', { spec: to }));
    const given = await change({ allocateLoadBalancerNodePorts: true });
    expect(given).toEqual([expect.any(Number), 30_100]);
    expect(await change({ allocateLoadBalancerNodePorts: false })).toEqual(given);
  });

  test('has a port for health checks while its external policy is Local', async () => {
    await using api = await TestServer.start();
    const spec = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', ports: [{ port: 80 }] };
    const { body } = await api.post(SERVICES, { metadata: { name: 'a' }, spec });
    const port = (body['spec'] as JsonObject)['healthCheckNodePort'];
    expect(port).toEqual(expect.any(Number));
    const taken = { type: 'NodePort', ports: [{ port: 80, nodePort: port }] };
    expect((await api.post(SERVICES, { metadata: { name: 'b' }, spec: taken })).status).toBe(422);
    const changed = await api.patch(`${SERVICES}/a`, 'merge', { spec: { externalTrafficPolicy: 'Cluster' } });
    expect(changed.body['spec']).not.toHaveProperty('healthCheckNodePort');
    expect((await api.post(SERVICES, { metadata: { name: 'b' }, spec: taken })).status).toBe(201);
  });

  test('changes its type there and back, and keeps nothing that means nothing', async () => {
    await using api = await TestServer.start();
    const path = `${SERVICES}/a`;
    await api.post(SERVICES, { metadata: { name: 'a' }, spec: { ports: [{ port: 80 }] } });
    const change = async (spec: JsonObject) => {
      const { status, body } = await api.patch(path, 'merge', { spec });
      expect([status, status === 200 ? undefined : body['message']]).toEqual([200, undefined]);
      return {
        nodePort: (listAt(body, 'spec', 'ports')[0] as JsonObject)['nodePort'],
        clusterIP: stringAt(body, 'spec', 'clusterIP'),
        externalTrafficPolicy: stringAt(body, 'spec', 'externalTrafficPolicy'),
      };
    };
    expect(await change({ type: 'NodePort' })).toMatchObject({
      nodePort: expect.any(Number),
      externalTrafficPolicy: 'Cluster',
    });
    expect(await change({ type: 'ClusterIP' })).toMatchObject({
      nodePort: undefined,
      externalTrafficPolicy: undefined,
    });
    expect((await change({ type: 'ExternalName', externalName: 'example.com' })).clusterIP).toBeUndefined();
    expect(await change({ type: 'NodePort', externalName: null })).toMatchObject({
      nodePort: expect.any(Number),
      clusterIP: expect.stringMatching(/^10\./),
    });
  });
});

describe('EndpointSlice', () => {
  const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
  test.each<[JsonObject, string]>([
    [{ endpoints: [{ addresses: ['127.0.0.1'] }] }, 'may not be in the loopback range'],
    [{ endpoints: [{ addresses: ['169.254.169.254'] }] }, 'may not be in the link-local range'],
    [{ endpoints: [{ addresses: ['2001:db8::1'] }] }, 'must be an IPv4 address'],
    [{ addressType: 'IPv6', endpoints: [{ addresses: ['fe80::1'] }] }, 'may not be in the link-local range'],
    [{ addressType: 'IPv6', endpoints: [{ addresses: ['::ffff:127.0.0.1'] }] }, 'may not be in the loopback range'],
    [{ endpoints: [{ addresses: [] }] }, 'must contain at least 1 address'],
    [{ endpoints: [], ports: [{ port: 70_000 }] }, 'must be between 1 and 65535'],
    [{ endpoints: [], ports: [{ port: 1 }, { port: 2 }] }, 'ports[1].name: Duplicate value'],
  ])('refuses %j', async (slice, message) => {
    await using api = await TestServer.start();
    const { status, body } = await api.post(SLICES, { metadata: { name: 'a' }, addressType: 'IPv4', ...slice });
    expect([status, body['message']]).toEqual([422, expect.stringContaining(message)]);
  });
});

describe('ServiceCIDR', () => {
  const post = async (cidrs: string[]) => {
    await using api = await TestServer.start();
    const { status, body } = await api.post('/apis/networking.k8s.io/v1/servicecidrs', {
      metadata: { name: 'more' },
      spec: { cidrs },
    });
    return { status, message: body['message'] };
  };

  test.each([[['10.99.0.0/16']], [['fd00:10::/112']], [['10.99.0.0/16', 'fd00:10::/112']]])(
    'takes %j',
    async (cidrs) => {
      expect(await post(cidrs)).toMatchObject({ status: 201 });
    },
  );

  test.each([
    [['10.99.0.1/16'], 'spec.cidrs[0]: Invalid value: "10.99.0.1/16": must be a valid CIDR value'],
    [['10.099.0.0/16'], 'must be a valid CIDR value'],
    [['fd00:10::1/112'], 'must be a valid CIDR value'],
    [['10.99.0.0/16', '10.98.0.0/16'], 'may specify no more than one of each family'],
    [[], 'at least one CIDR required'],
  ])('refuses %j', async (cidrs, message) => {
    expect(await post(cidrs)).toEqual({ status: 422, message: expect.stringContaining(message) });
  });
});
