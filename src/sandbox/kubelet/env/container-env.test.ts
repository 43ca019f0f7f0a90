import { describe, expect, it } from 'vitest';
import type { Json, KubeObject } from '../../apiserver/index.ts';
import { podSchema, quantity } from '../../client/index.ts';
import { containerEnv, type PodSources } from './container-env.ts';
import { expand } from './expand.ts';

describe('expand', () => {
  const env = { A: '1', B: '$(A)' };
  it.each([
    ['$(A)', '1'],
    ['x$(A)y$(B)', 'x1y$(A)'],
    ['$$(A)', '$(A)'],
    ['$(MISSING)', '$(MISSING)'],
    ['$A $(', '$A $('],
    ['$(constructor)', '$(constructor)'],
    ['$(C)', '3'],
  ])('%s -> %s', (text, expected) => {
    expect(expand(text, env, { A: 'later', C: '3' })).toBe(expected);
  });
});

describe('quantity', () => {
  it.each([
    ['1', 1],
    ['500m', 0.5],
    ['64Mi', 64 * 2 ** 20],
    ['1.5Gi', 1.5 * 2 ** 30],
    ['2k', 2000],
    ['1e3', 1000],
    ['1E', 1e18],
    ['5x', undefined],
    ['', undefined],
  ])('%s is %s', (text, expected) => {
    expect(quantity(text)).toBe(expected);
  });
});

function object(name: string, rest: Record<string, Json>, namespace = 'shop'): KubeObject {
  return { apiVersion: 'v1', kind: 'Any', metadata: { name, namespace }, ...rest };
}

const SOURCES: PodSources = {
  configMap: (name) =>
    name === 'settings' ? object(name, { data: { COLOR: 'blue', 'a.b': 'dotted', toString: 'own' } }) : undefined,
  secret: (name) =>
    name === 'login'
      ? object(name, { data: { password: 'c2VjcmV0', torn: Buffer.from('a\0b').toString('base64') } })
      : undefined,
  services: () => [
    object('my-db', {
      spec: {
        clusterIP: '10.96.0.5',
        ports: [
          { name: 'pg-sql', port: 5432, protocol: 'TCP' },
          { port: 53, protocol: 'UDP' },
        ],
      },
    }),
    object('headless', { spec: { clusterIP: 'None', ports: [{ port: 1 }] } }),
    object('external', { spec: { type: 'ExternalName', externalName: 'x.example' } }),
    object('web', { spec: { clusterIP: '10.96.0.6', ports: [{ port: 80 }] } }, 'other'),
    object('kubernetes', { spec: { clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443 }] } }, 'default'),
  ],
};

type Fields = Record<string, unknown>;

function envOf(container: Fields, spec: Fields = {}) {
  const pod = podSchema.parse({
    metadata: { name: 'web-0', namespace: 'shop', uid: 'u-1', labels: { app: 'web' }, annotations: { note: 'a "b"' } },
    spec: {
      nodeName: 'node-1',
      enableServiceLinks: false,
      containers: [
        { name: 'main', ...container },
        { name: 'side', resources: { limits: { cpu: '250m' } } },
      ],
      ...spec,
    },
  });
  const [first] = pod.spec.containers;
  if (first === undefined) throw new Error('no container');
  return containerEnv(first, pod, { hostIP: '172.18.0.2', podIPs: ['10.244.1.9'] }, SOURCES);
}

const key = (kind: string, name: string, of: string, optional = false): Fields => ({
  name: 'X',
  valueFrom: { [kind]: { name, key: of, optional } },
});
const field = (fieldPath: string): Fields => ({ name: 'X', valueFrom: { fieldRef: { fieldPath } } });
const resource = (ref: Fields): Fields => ({ name: 'X', valueFrom: { resourceFieldRef: ref } });

describe('containerEnv', () => {
  it.each<[Fields, string | undefined]>([
    [key('configMapKeyRef', 'settings', 'COLOR'), 'blue'],
    [key('configMapKeyRef', 'settings', 'a.b'), 'dotted'],
    [key('configMapKeyRef', 'settings', 'toString'), 'own'],
    [key('configMapKeyRef', 'settings', 'SIZE', true), undefined],
    [key('configMapKeyRef', 'nothing', 'SIZE', true), undefined],
    [key('secretKeyRef', 'login', 'password'), 'secret'],
    [key('secretKeyRef', 'nothing', 'password', true), undefined],
    [field('metadata.name'), 'web-0'],
    [field('metadata.namespace'), 'shop'],
    [field('metadata.uid'), 'u-1'],
    [field("metadata.labels['app']"), 'web'],
    [field("metadata.labels['none']"), ''],
    [field("metadata.annotations['note']"), 'a "b"'],
    [field('metadata.labels'), 'app="web"'],
    [field('spec.nodeName'), 'node-1'],
    [field('spec.serviceAccountName'), 'default'],
    [field('status.hostIP'), '172.18.0.2'],
    [field('status.podIP'), '10.244.1.9'],
    [resource({ resource: 'limits.memory' }), String(64 * 2 ** 20)],
    [resource({ resource: 'limits.memory', divisor: '1Mi' }), '64'],
    [resource({ resource: 'requests.cpu' }), '1'],
    [resource({ resource: 'requests.cpu', divisor: '1m' }), '100'],
    [resource({ resource: 'limits.cpu', containerName: 'side', divisor: '1m' }), '250'],
    [{ name: 'X', value: '$(HOST):$(PORT)' }, 'db:$(PORT)'],
    [{ name: 'X', value: '$(X)' }, '$(X)'],
    [{ name: 'X', value: '' }, ''],
  ])('gives %j the value %j', (variable, expected) => {
    const resources = { limits: { memory: '64Mi' }, requests: { cpu: '100m' } };
    const made = envOf({ resources, env: [{ name: 'HOST', value: 'db' }, variable, { name: 'PORT', value: '1' }] });
    expect(made.kind === 'env' ? made.env['X'] : made).toEqual(expected);
  });

  it.each<[Fields, string]>([
    [{ env: [key('configMapKeyRef', 'nothing', 'a')] }, 'configmap "nothing" not found'],
    [{ env: [key('configMapKeyRef', 'settings', 'SIZE')] }, "couldn't find key SIZE in ConfigMap shop/settings"],
    [{ env: [key('secretKeyRef', 'nothing', 'a')] }, 'secret "nothing" not found'],
    [{ env: [key('secretKeyRef', 'login', 'user')] }, "couldn't find key user in Secret shop/login"],
    [{ env: [key('secretKeyRef', 'login', 'constructor')] }, "couldn't find key constructor in Secret shop/login"],
    [{ env: [key('secretKeyRef', 'login', 'torn')] }, 'environment variable X holds a NUL byte'],
    [{ env: [field('spec.nothing')] }, 'unsupported fieldPath: spec.nothing'],
    [{ envFrom: [{ configMapRef: { name: 'nothing' } }] }, 'configmap "nothing" not found'],
    [{ envFrom: [{ secretRef: { name: 'nothing' } }] }, 'secret "nothing" not found'],
  ])('says what it misses: %j', (container, message) => {
    expect(envOf(container)).toEqual({ kind: 'missing', message });
  });

  it('takes whole maps, with a prefix, and lets single variables win', () => {
    const made = envOf({
      envFrom: [
        { configMapRef: { name: 'settings' } },
        { prefix: 'P_', configMapRef: { name: 'settings' } },
        { secretRef: { name: 'nothing', optional: true } },
      ],
      env: [{ name: 'COLOR', value: 'red, not $(COLOR)' }],
    });
    expect(made).toMatchObject({ env: { COLOR: 'red, not $(COLOR)', 'a.b': 'dotted', P_COLOR: 'blue' } });
  });

  it('tells of the services of its namespace, and always of the API', () => {
    const api = {
      KUBERNETES_SERVICE_HOST: '10.96.0.1',
      KUBERNETES_SERVICE_PORT: '443',
      KUBERNETES_SERVICE_PORT_HTTPS: '443',
      KUBERNETES_PORT: 'tcp://10.96.0.1:443',
      KUBERNETES_PORT_443_TCP: 'tcp://10.96.0.1:443',
      KUBERNETES_PORT_443_TCP_PROTO: 'tcp',
      KUBERNETES_PORT_443_TCP_PORT: '443',
      KUBERNETES_PORT_443_TCP_ADDR: '10.96.0.1',
    };
    expect(envOf({})).toEqual({ kind: 'env', env: api });
    expect(envOf({}, { enableServiceLinks: true })).toEqual({
      kind: 'env',
      env: {
        ...api,
        MY_DB_SERVICE_HOST: '10.96.0.5',
        MY_DB_SERVICE_PORT: '5432',
        MY_DB_SERVICE_PORT_PG_SQL: '5432',
        MY_DB_PORT: 'tcp://10.96.0.5:5432',
        MY_DB_PORT_5432_TCP: 'tcp://10.96.0.5:5432',
        MY_DB_PORT_5432_TCP_PROTO: 'tcp',
        MY_DB_PORT_5432_TCP_PORT: '5432',
        MY_DB_PORT_5432_TCP_ADDR: '10.96.0.5',
        MY_DB_PORT_53_UDP: 'udp://10.96.0.5:53',
        MY_DB_PORT_53_UDP_PROTO: 'udp',
        MY_DB_PORT_53_UDP_PORT: '53',
        MY_DB_PORT_53_UDP_ADDR: '10.96.0.5',
      },
    });
  });

  it('lets a variable use an address of a service, and replace one', () => {
    const env = [
      { name: 'URL', value: 'https://$(KUBERNETES_SERVICE_HOST)/' },
      { name: 'KUBERNETES_SERVICE_HOST', value: 'proxy' },
    ];
    expect(envOf({ env })).toMatchObject({ env: { URL: 'https://10.96.0.1/', KUBERNETES_SERVICE_HOST: 'proxy' } });
  });
});
