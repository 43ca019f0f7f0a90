import { describe, expect, it } from 'vitest';
import type { Json, KubeObject } from '../../apiserver/index.ts';
import { podSchema } from '../../client/index.ts';
import { containerMounts } from './mounts.ts';
import { planVolume } from './plan.ts';
import { project } from './project.ts';

type Fields = Record<string, unknown>;

function object(name: string, rest: Record<string, Json>): KubeObject {
  return { apiVersion: 'v1', kind: 'Any', metadata: { name, namespace: 'shop' }, ...rest };
}

function podOf(volume: Fields, spec: Fields = {}, container: Fields = {}) {
  return podSchema.parse({
    metadata: { name: 'web-0', namespace: 'shop', uid: 'u', labels: { tier: 'front', app: 'web' } },
    spec: { volumes: [{ name: 'v', ...volume }], containers: [{ name: 'main', ...container }], ...spec },
  });
}

function files(volume: Fields, spec: Fields = {}) {
  const pod = podOf(volume, spec);
  const [first] = pod.spec.volumes;
  if (first === undefined) throw new Error('no volume');
  const made = project(first, {
    pod,
    place: { hostIP: '172.18.0.2', podIPs: [] },
    sources: {
      configMap: (name) =>
        name === 'settings'
          ? object(name, { data: { 'a.conf': 'A', b: 'B' }, binaryData: { raw: Buffer.of(0, 255).toString('base64') } })
          : undefined,
      secret: (name) => (name === 'login' ? object(name, { data: { password: 'c2VjcmV0' } }) : undefined),
      services: () => [],
    },
    token: ({ audience, expirationSeconds }) => `token for ${audience} ${expirationSeconds}`,
  });
  if (made?.kind !== 'files') return made?.message;
  return Object.fromEntries(
    [...made.files].map(([path, { content, mode, uid }]) => [
      path,
      `${content.toString('latin1')} ${mode.toString(8)}${uid === undefined ? '' : ` ${uid}`}`,
    ]),
  );
}

describe('project', () => {
  it.each<[Fields, Fields]>([
    [{ configMap: { name: 'settings' } }, { 'a.conf': 'A 644', b: 'B 644', raw: '\0\xff 644' }],
    [
      { configMap: { name: 'settings', defaultMode: 0o400, items: [{ key: 'b', path: 'x/y', mode: 0o600 }] } },
      { 'x/y': 'B 600' },
    ],
    [{ configMap: { name: 'nothing', optional: true } }, {}],
    [{ configMap: { name: 'settings', optional: true, items: [{ key: 'no', path: 'no' }] } }, {}],
    [{ secret: { secretName: 'login', defaultMode: 0o400 } }, { password: 'secret 400' }],
    [
      { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
      { labels: 'app="web"\ntier="front" 644' },
    ],
    [
      {
        projected: {
          sources: [
            { serviceAccountToken: { path: 'token', audience: 'vault', expirationSeconds: 600 } },
            { configMap: { name: 'settings', items: [{ key: 'b', path: 'b' }] } },
            { secret: { name: 'login' } },
            { downwardAPI: { items: [{ path: 'ns', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
          ],
        },
      },
      { token: 'token for vault 600 644', b: 'B 644', password: 'secret 644', ns: 'shop 644' },
    ],
  ])('makes files of %j', (volume, expected) => {
    expect(files(volume)).toEqual(expected);
  });

  it.each<[Fields, string]>([
    [{ configMap: { name: 'nothing' } }, 'configmap "nothing" not found'],
    [{ secret: { secretName: 'nothing' } }, 'secret "nothing" not found'],
    [
      { configMap: { name: 'settings', items: [{ key: 'no', path: 'no' }] } },
      'configmap references non-existent config key: no',
    ],
    [{ secret: { secretName: 'login', items: [{ key: 'no', path: 'no' }] } }, 'references non-existent secret key: no'],
    [
      { projected: { sources: [{ configMap: { name: 'a' } }, { secret: { name: 'b' } }] } },
      '[configmap "a" not found, secret "b" not found]',
    ],
    [
      { configMap: { name: 'settings', items: [{ key: 'b', path: 'a/../../b' }] } },
      "invalid path: must be a relative path without '..': a/../../b",
    ],
    [
      { configMap: { name: 'settings', items: [{ key: 'b', path: '..data' }] } },
      "invalid path: must be a relative path without '..': ..data",
    ],
  ])('says what it misses: %j', (volume, message) => {
    expect(files(volume)).toBe(message);
  });

  it('lets the group and the user of the pod read, and nobody else the token', () => {
    const sources = [{ serviceAccountToken: { path: 'token' } }, { secret: { name: 'login' } }];
    const volume = { projected: { sources, defaultMode: 0o400 } };
    expect(files(volume, { securityContext: { fsGroup: 7 } })).toEqual({
      token: 'token for  3600 640',
      password: 'secret 440',
    });
    expect(files(volume, { securityContext: { runAsUser: 5 } })).toMatchObject({ token: 'token for  3600 600 5' });
  });

  it('leaves other volumes to others', () => {
    expect(files({ emptyDir: {} })).toBeUndefined();
  });
});

describe('planVolume', () => {
  it.each<[Fields, Fields, Fields]>([
    [{ emptyDir: {} }, {}, { kind: 'memory', options: 'mode=0777' }],
    [{ emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }, {}, { kind: 'memory', options: 'mode=0777,size=1048576' }],
    [{ emptyDir: {} }, { securityContext: { fsGroup: 7 } }, { kind: 'memory', options: 'mode=2777,gid=7' }],
    [{ secret: { secretName: 's' } }, {}, { kind: 'files' }],
    [{ hostPath: { path: '/var/log', type: '' } }, {}, { kind: 'node', path: '/var/log', type: '' }],
    [{ persistentVolumeClaim: { claimName: 'c' } }, {}, { kind: 'claim', name: 'c' }],
    [{ nfs: { server: 's', path: '/' } }, {}, { kind: 'none', message: expect.stringContaining('kind nfs') }],
  ])('%j with %j', (volume, spec, expected) => {
    const pod = podOf(volume, spec);
    expect(pod.spec.volumes.map((v) => planVolume(v, pod))).toEqual([expected]);
  });
});

describe('containerMounts', () => {
  it('puts what lies above others first, keeps what the API made from writers, and expands its paths', () => {
    const volumeMounts = [
      { name: 'v', mountPath: '/a/b/../c//d/', subPathExpr: '$(NAME)/x/' },
      { name: 'v', mountPath: '/a' },
      { name: 'gone', mountPath: '/b' },
    ];
    const pod = podOf({ configMap: { name: 'settings' } }, {}, { volumeMounts });
    const mounts = pod.spec.containers.flatMap((c) =>
      containerMounts(c, pod.spec.volumes, new Map([['v', '/vol/v']]), { NAME: 'n' }),
    );
    expect(mounts).toEqual([
      { source: '/vol/v', sub: '', target: '/a', readOnly: true },
      { source: '/vol/v', sub: 'n/x', target: '/a/c/d', readOnly: true },
    ]);
  });
});
