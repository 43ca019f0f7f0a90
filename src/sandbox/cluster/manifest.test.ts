import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../base/index.ts';
import { type ApiServer, createApiServer } from '../apiserver/index.ts';
import { REPOSITORY } from '../machine/paths.ts';
import { applyManifest, parseManifest } from './manifest.ts';

async function withServer(action: (api: ApiServer) => void): Promise<void> {
  const api = createApiServer({ database: ':memory:', token: 't', log: silentLogger });
  try {
    action(api);
  } finally {
    await api.close();
  }
}

describe('parseManifest', () => {
  it('reads several documents and opens lists', () => {
    const text = `
apiVersion: v1
kind: Namespace
metadata: { name: a }
---
# nothing
---
apiVersion: v1
kind: List
items:
  - { apiVersion: v1, kind: Namespace, metadata: { name: b } }
`;
    expect(parseManifest(text, 'x').map((o) => o.metadata.name)).toEqual(['a', 'b']);
  });

  it.each([
    ['- a', /not an object/],
    ['a: b', /has no apiVersion/],
    ['apiVersion: v1\nkind: Pod\n', /a Pod has no metadata.name/],
    ['a: [', /f.yaml: /],
    ['5', /not an object/],
    ['a: 1\na: 2', /unique/],
  ])('refuses %j and says where', (text, message) => {
    expect(() => parseManifest(text, 'f.yaml')).toThrowError(expect.objectContaining({ code: 'E_SANDBOX_MANIFEST' }));
    expect(() => parseManifest(text, 'f.yaml')).toThrowError(message);
  });
});

describe('applyManifest', () => {
  const policy = (port: number) => `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: p, namespace: default }
spec: { podSelector: {}, ingress: [{ ports: [{ port: ${port} }] }] }
`;

  it('replaces what a manifest says and keeps no leftover', async () => {
    await withServer(({ store }) => {
      applyManifest(store, policy(1), 'x');
      const { uid } = store.get('networkpolicies', { namespace: 'default', name: 'p' })?.metadata ?? {};
      applyManifest(store, policy(2).replace('ingress: [{ ports: [{ port: 2 }] }]', 'policyTypes: [Ingress]'), 'x');
      const now = store.get('networkpolicies', { namespace: 'default', name: 'p' });
      expect(now?.metadata.uid).toBe(uid);
      expect(now?.['spec']).not.toHaveProperty('ingress');
    });
  });

  describe('a pod that is there', () => {
    const pod = (labels: string, image = 'pause', more = '') =>
      `{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: default, labels: ${labels}}, spec: {${more} containers: [{name: c, image: ${image}}]}}`;
    const found = ({ store }: ApiServer) => store.get('pods', { namespace: 'default', name: 'p' });

    it('gets the labels that are written, and keeps its place', async () => {
      await withServer((api) => {
        applyManifest(api.store, pod('{a: "1", b: "2"}'), 'x');
        api.store.bind({ namespace: 'default', name: 'p' }, 'node-1');
        applyManifest(api.store, pod('{b: "3"}'), 'x');
        expect(found(api)).toMatchObject({ metadata: { labels: { b: '3' } }, spec: { nodeName: 'node-1' } });
      });
    });

    it('gets another image, also where one text has it twice', async () => {
      await withServer((api) => {
        applyManifest(api.store, `${pod('{}')}\n---\n${pod('{}', 'nginx')}`, 'x');
        expect(found(api)?.['spec']).toMatchObject({ containers: [{ image: 'nginx' }] });
      });
    });

    it('is not changed in what cannot be, and that is said', async () => {
      await withServer(({ store }) => {
        const twice = `${pod('{}')}\n---\n${pod('{}', 'pause', 'hostNetwork: true,')}`;
        expect(() => applyManifest(store, twice, 'x')).toThrowError(/x: Pod default\/p: .*may not change fields/);
      });
    });
  });

  it('names the object and the reason when one is refused', async () => {
    await withServer(({ store }) => {
      expect(() => applyManifest(store, policy(99999), 'x')).toThrowError(/NetworkPolicy default\/p: .*port/);
      expect(() => applyManifest(store, policy(1).replace('NetworkPolicy', 'Nothing'), 'x')).toThrowError(
        /there is no kind Nothing/,
      );
    });
  });

  it('takes every example', async () => {
    const folder = join(REPOSITORY, 'examples/two-tenants');
    await withServer(({ store }) => {
      for (const name of readdirSync(folder)) applyManifest(store, readFileSync(join(folder, name), 'utf8'), name);
      expect(store.list('pods').items.map((p) => `${p.metadata.namespace}/${p.metadata.name}`)).toEqual([
        'tenant-a/backend',
        'tenant-a/frontend',
        'tenant-a/other',
        'tenant-b/backend',
        'tenant-b/frontend',
        'tenant-b/other',
      ]);
      expect(store.list('networkpolicies').items).toHaveLength(4);
    });
  });
});
