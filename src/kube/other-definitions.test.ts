import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { isMembraneError, silentLogger } from '../base/index.ts';
import { placeIdentity } from '../identity/placement.ts';
import { identityId, labelMap, type Workload } from '../model/index.ts';
import { parseAddr } from '../net/index.ts';
import { type ApiServer, createApiServer } from '../sandbox/apiserver/index.ts';
import { KubeClient } from './client.ts';
import { IdentityObjects } from './identity-store.ts';
import { NodeProofObjects } from './node-proof-store.ts';
import { NodeSliceObjects } from './node-slice-store.ts';
import { IdentityReceipts } from './receipt-store.ts';
import { collectionPath, IDENTITY, NODE_PROOF } from './resources/index.ts';

/** Agents on a cluster whose definitions of our kinds are of another release: Helm leaves those in place that it finds. */

type Schema = { properties: Record<string, unknown>; required?: string[]; 'x-kubernetes-validations'?: unknown };
type Definition = { spec: { versions: [{ schema: { openAPIV3Schema: { properties: { spec: Schema } } } }] } };

const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const TOKEN = 'secret-of-the-test';
let server: ApiServer;
let url: URL;
let client: KubeClient;

beforeEach(async () => {
  server = createApiServer({ database: ':memory:', token: TOKEN, log: silentLogger });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  url = new URL(`http://127.0.0.1:${port}`);
  const shown = { authorization: `Bearer ${TOKEN}` };
  const credentials = { present: async () => shown, refresh: () => false };
  client = new KubeClient({ server: url, insecure: false, credentials, namespace: 'default' });
});
afterEach(async () => {
  client.close();
  await server.close();
});

/** Defines a kind as deploy/crds does, but for what another release says of its spec. */
async function define(plural: string, other: (spec: Schema) => void = () => undefined): Promise<void> {
  const text = readFileSync(join(import.meta.dirname, `../../deploy/crds/${plural}.yaml`), 'utf8');
  const definition = parse(text) as Definition;
  other(definition.spec.versions[0].schema.openAPIV3Schema.properties.spec);
  await client.request({ method: 'POST', path: DEFINITIONS, body: definition });
}

const countOf = async (path: string): Promise<number> => {
  const list = (await client.request({ method: 'GET', path })) as { items: unknown[] };
  return list.items.length;
};

const codeOf = async (promise: Promise<unknown>): Promise<string> =>
  await promise.then(
    () => 'no error',
    (error: unknown) => (isMembraneError(error) ? error.code : String(error)),
  );

const workload: Workload = {
  cluster: 'default',
  namespace: 'shop',
  serviceAccount: 'default',
  labels: labelMap({ app: 'web' }),
  namespaceLabels: labelMap({ team: 'a' }),
  namedPorts: [{ name: 'http', protocol: 'TCP', port: 80 }],
};

/** A server before 1.25 that is asked to refuse what it does not know drops it as if it were not asked. */
class OldServer extends KubeClient {
  override async request(request: Parameters<KubeClient['request']>[0]): Promise<unknown> {
    const { fieldValidation: _, ...query } = request.query ?? {};
    return await super.request({ ...request, query });
  }
}

const servers = [
  ['refuses what it does not know', () => client],
  [
    'drops what it does not know',
    () => {
      const shown = { authorization: `Bearer ${TOKEN}` };
      const credentials = { present: async () => shown, refresh: () => false };
      return new OldServer({ server: url, insecure: false, credentials, namespace: 'default' });
    },
  ],
] as const;

describe.each(servers)('on a server that %s', (_name, make) => {
  test.each([
    ['older: a field is missing', ({ properties }: Schema) => void delete properties['namedPorts']],
    [
      'older: a field is missing without which nothing can be read',
      (spec: Schema) => {
        delete spec.properties['cluster'];
        spec.required = ['namespace', 'serviceAccount'];
      },
    ],
    ['newer: it asks for more', (spec: Schema) => void (spec.required = ['cluster', 'runtime'])],
  ])('a number is not had where the kind is %s, and no others are used up', async (_case, other) => {
    await define('identities', other);
    const store = new IdentityObjects(make());
    const code = async (): Promise<string> => await codeOf(placeIdentity(workload, store));
    const codes = [await code(), await code(), await code(), await code()];
    expect(new Set(codes)).toEqual(new Set(['E_KUBE_OTHER_KIND']));
    expect(await countOf(collectionPath(IDENTITY))).toBeLessThanOrEqual(1);
  });

  test('a number is had as soon as the kind is that of this release', async () => {
    await define('identities', ({ properties }) => void delete properties['namedPorts']);
    const store = new IdentityObjects(make());
    expect(await codeOf(placeIdentity(workload, store))).toBe('E_KUBE_OTHER_KIND');
    await client.request({ method: 'DELETE', path: `${DEFINITIONS}/identities.membrane.io` });
    await expect.poll(async () => await codeOf(define('identities')), { timeout: 60_000 }).toBe('no error');
    expect(await placeIdentity(workload, store)).toBeGreaterThanOrEqual(256);
    expect(await countOf(collectionPath(IDENTITY))).toBe(1);
  });

  test('what a node tells is told whole or not at all', async () => {
    await define('nodeendpointslices', (spec) => {
      const { endpoints } = spec.properties as unknown as { endpoints: { items: Schema } };
      delete endpoints.items.properties['hostNetwork'];
      delete endpoints.items['x-kubernetes-validations'];
    });
    const endpoints = [
      { namespace: 'shop', name: 'web', own: { identity: identityId(300), addresses: [parseAddr('10.1.0.5')] } },
      { namespace: 'shop', name: 'host', own: undefined },
    ];
    const content = { node: 'node-1', slice: 0, nodeUid: 'u', endpoints };
    expect(await codeOf(new NodeSliceObjects(make()).write(content, undefined))).toBe('E_KUBE_OTHER_KIND');
  });

  test.each(['open', 'differing', 'ineffective'])(
    'what a node has proved is not told without what is %s',
    async (field) => {
      await define('nodeproofs', ({ properties }) => void delete properties[field]);
      const told = [{ tenant: 'shop', message: 'a packet' }];
      const ineffective = [{ tenant: 'shop', rules: 1 }];
      const proof = {
        at: 1_000,
        tenants: new Map([['shop', 1]]),
        differing: told,
        open: told,
        limited: [],
        ineffective,
      };
      const store = new NodeProofObjects(make());
      const say = async (): Promise<string> => await codeOf(store.say({ name: 'node-1', uid: 'u' }, proof));
      expect([await say(), await say()]).toEqual(['E_KUBE_OTHER_KIND', 'E_KUBE_OTHER_KIND']);
    },
  );

  test('what a node has proved is told, and told anew', async () => {
    await define('nodeproofs');
    const store = new NodeProofObjects(make());
    const proof = { at: 1_000, tenants: new Map(), differing: [], open: [], limited: [], ineffective: [] };
    const node = { name: 'node-1', uid: 'u' };
    await store.say(node, proof);
    await store.say(node, { ...proof, at: 2_000, tenants: new Map([['shop', 1]]) });
    expect(await countOf(collectionPath(NODE_PROOF))).toBe(1);
    const kept = NODE_PROOF.parse(await client.get({ resource: NODE_PROOF, name: 'node-1' }));
    expect(kept).toMatchObject({ at: 2_000, tenants: new Map([['shop', 1]]) });
  });
});

test('a kind that there is not is named, whatever was to be made of it', async () => {
  expect(await codeOf(placeIdentity(workload, new IdentityObjects(client)))).toBe('E_KUBE_NO_KIND');
  const content = { node: 'node-1', slice: 0, nodeUid: 'u', endpoints: [] };
  expect(await codeOf(new NodeSliceObjects(client).write(content, undefined))).toBe('E_KUBE_NO_KIND');
  const receipts = new IdentityReceipts(client);
  expect(await codeOf(receipts.announce('node-1'))).toBe('E_KUBE_NO_KIND');
  expect(await codeOf(receipts.give('node-1', 7))).toBe('E_KUBE_NO_KIND');
  const proof = { at: 1_000, tenants: new Map(), differing: [], open: [], limited: [], ineffective: [] };
  const said = new NodeProofObjects(client).say({ name: 'node-1', uid: 'u' }, proof);
  expect(await codeOf(said)).toBe('E_KUBE_NO_KIND');
});
