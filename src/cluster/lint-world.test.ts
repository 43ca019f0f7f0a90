import { beforeEach, describe, expect, test } from 'vitest';
import { lint, type PolicySettings } from '../policy/index.ts';
import { sampleEndpoint, sampleService, sampleSlice } from '../service/samples.ts';
import { Intent } from './intent.ts';
import { lintWorld } from './lint-world.ts';
import type { PodsElsewhere } from './pods-elsewhere.ts';
import { namespaceRow, podRow, policyRow } from './samples.ts';

const SETTINGS: PolicySettings = { enforcement: 'default', cidrSelects: ['pods', 'nodes'], allowLocalhost: 'always' };
const DNS = { ports: [{ port: 53, protocol: 'UDP' }] };
const http = { name: 'http', port: 8080, protocol: 'TCP' as const };

let intent: Intent;
let elsewhere: PodsElsewhere['pods'];
beforeEach(() => {
  intent = new Intent();
  elsewhere = function* () {};
  put(intent.namespaces, namespaceRow('shop'));
  put(intent.pods, podRow('web', { app: 'web' }, { namedPorts: [http] }), podRow('db', { app: 'db' }));
  put(intent.policies, policyRow('all', { podSelector: {} }));
});

function put<Row>(
  table: { apply: (batch: { upserts: Row[]; deletes: Row[]; synced: boolean }) => unknown },
  ...rows: Row[]
) {
  table.apply({ upserts: rows, deletes: [], synced: true });
}

/** Rule, object and field of all that is found. */
const found = (proposed: Parameters<typeof policyRow>[] = []) =>
  lint(
    lintWorld({
      intent,
      elsewhere: { pods: () => elsewhere() },
      settings: SETTINGS,
      cluster: 'default',
      floor: () => ({ tenantOf: () => undefined, shared: () => [] }),
      proposed: proposed.map((one) => policyRow(...one)),
    }),
  ).map(({ rule, object, field, severity }) =>
    [severity, rule, object, ...(field === undefined ? [] : [field])].join(' '),
  );

test('nothing to say where all is as it is meant', () => expect(found()).toEqual([]));

describe('policies', () => {
  const from = (...peers: object[]) => ({ podSelector: { matchLabels: { app: 'web' } }, ingress: [{ from: peers }] });
  const block = (cidr: string, ...except: string[]) => ({ ipBlock: { cidr, except } });
  const pods = (app: string) => ({ podSelector: { matchLabels: { app } } });
  const p = 'NetworkPolicy shop/p';

  test.each<[string, object, string[]]>([
    [
      'a label that no pod has',
      { podSelector: { matchLabels: { app: 'wbe' } } },
      [`warning selects-nobody ${p} spec.podSelector`],
    ],
    ['a peer that no pod is', from(pods('db'), pods('dp')), [`warning peer-nobody ${p} spec.ingress[0].from[1]`]],
    [
      'a namespace that is not there',
      from({ namespaceSelector: { matchLabels: { name: 'nowhere' } } }),
      [`warning peer-nobody ${p} spec.ingress[0].from[0]`],
    ],
    [
      'a name of a port that the pods do not have',
      { podSelector: { matchLabels: { app: 'web' } }, ingress: [{ ports: [{ port: 'http' }, { port: 'htpt' }] }] },
      [`warning port-name-unknown ${p} spec.ingress[0].ports[1]`],
    ],
    [
      'a name of a port of another protocol',
      { podSelector: { matchLabels: { app: 'web' } }, ingress: [{ ports: [{ port: 'http', protocol: 'UDP' }] }] },
      [`warning port-name-unknown ${p} spec.ingress[0].ports[0]`],
    ],
    [
      'a name of a port, towards peers that do not have it',
      { podSelector: {}, policyTypes: ['Egress'], egress: [DNS, { to: [pods('db')], ports: [{ port: 'http' }] }] },
      [`warning port-name-unknown ${p} spec.egress[1].ports[0]`],
    ],
    [
      'an except that another peer admits',
      from(block('10.0.0.0/8', '10.1.0.0/16', '10.2.0.0/16'), block('10.1.0.0/12', '10.2.3.0/24')),
      [`warning except-without-effect ${p} spec.ingress[0].from[0].ipBlock.except[0]`],
    ],
    [
      'an except beside everybody',
      { podSelector: {}, ingress: [{ from: [block('10.0.0.0/8', '10.1.0.0/16')] }, {}] },
      [`warning except-without-effect ${p} spec.ingress[0].from[0].ipBlock.except[0]`],
    ],
    [
      'egress without DNS',
      {
        podSelector: { matchLabels: { app: 'web' } },
        policyTypes: ['Egress'],
        egress: [{ to: [pods('db')], ports: [{ port: 5432 }] }],
      },
      [`warning egress-without-dns ${p} spec.egress`],
    ],
    [
      'egress to pods that serve no names, on any port',
      { podSelector: {}, policyTypes: ['Egress'], egress: [{ to: [pods('db')] }] },
      [`warning egress-without-dns ${p} spec.egress`],
    ],
    ['egress to everybody', { podSelector: {}, policyTypes: ['Egress'], egress: [{}] }, []],
    ['no egress at all', { podSelector: {}, policyTypes: ['Egress'] }, [`info egress-without-dns ${p} spec.egress`]],
    ['egress with DNS', { podSelector: {}, policyTypes: ['Egress'], egress: [DNS] }, []],
  ])('%s', (_, spec, expected) => expect(found([['p', spec]])).toEqual(expected));

  test('DNS that another policy allows', () => {
    put(intent.policies, policyRow('dns', { podSelector: {}, policyTypes: ['Egress'], egress: [DNS] }));
    expect(found([['p', { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Egress'] }]])).toEqual([]);
  });

  test('egress on any port to the pods that serve DNS', () => {
    put(intent.pods, podRow('dns', { 'k8s-app': 'kube-dns' }));
    const to = [{ podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } } }];
    expect(found([['p', { podSelector: {}, policyTypes: ['Egress'], egress: [{ to }] }]])).toEqual([]);
  });

  test('what would be replaced is not looked at', () => {
    put(intent.policies, policyRow('p', { podSelector: { matchLabels: { app: 'wbe' } } }));
    expect(found()).toEqual([`warning selects-nobody ${p} spec.podSelector`]);
    expect(found([['p', { podSelector: {} }]])).toEqual([]);
  });
});

test('namespaces whose pods nobody isolates, and no empty ones', () => {
  put(intent.namespaces, namespaceRow('open'), namespaceRow('empty'));
  put(intent.pods, podRow('x', {}, { namespace: 'open' }));
  expect(found()).toEqual(['warning namespace-open Namespace open']);
});

test('services without backends, also those of pods that are not ready', () => {
  const service = (name: string, more: object = {}) => sampleService({ namespace: 'shop', name, ...more });
  put(
    intent.services,
    service('served'),
    service('unready'),
    service('none'),
    service('out', { type: 'ExternalName' }),
    // Nobody is refused: its name is resolved to nobody.
    service('headless', { clusterIPs: ['None'] }),
  );
  const slice = (of: string, ready: boolean) =>
    sampleSlice([sampleEndpoint('10.244.1.9', { ready, serving: ready })], {
      namespace: 'shop',
      name: `${of}-1`,
      service: of,
    });
  put(intent.slices, slice('served', true), slice('unready', false));
  expect(found()).toEqual([
    'warning service-without-backends Service shop/unready spec.selector',
    'warning service-without-backends Service shop/none spec.selector',
  ]);
});

test('what is staged is said to be, and counts as though it were not there', () => {
  put(intent.policies, { ...policyRow('all', { podSelector: {} }), stage: 'true' });
  expect(found()).toEqual([
    'warning namespace-open Namespace shop',
    'info staged NetworkPolicy shop/all metadata.annotations[membrane.io/stage]',
  ]);
});
