import { expect, it } from 'vitest';
import type { Json } from '../../base/index.ts';
import { notHonoured } from './not-honoured.ts';

it.each<[Record<string, Json>, string[]]>([
  [
    {
      containers: [
        { name: 'c', image: 'x', securityContext: { runAsUser: 1, seccompProfile: { type: 'RuntimeDefault' } } },
      ],
    },
    [],
  ],
  [{ hostPID: true, hostIPC: false, hostUsers: true, containers: [] }, ['hostPID']],
  [
    { securityContext: { sysctls: [{ name: 'a', value: 'b' }], fsGroup: 1 }, shareProcessNamespace: true },
    ['shareProcessNamespace', 'securityContext.sysctls'],
  ],
  [
    {
      topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'kubernetes.io/hostname' }],
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] },
          preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1 }],
        },
        podAffinity: {},
        podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1 }] },
      },
    },
    [
      'topologySpreadConstraints',
      'affinity.podAntiAffinity',
      'affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution',
    ],
  ],
  [{ topologySpreadConstraints: [], affinity: {} }, []],
  [{ initContainers: [{ name: 'i', resources: { limits: { cpu: '1' } } }] }, ['initContainers{i}.resources.limits']],
  [{ containers: [{ name: 'c', resources: { requests: { cpu: '1' }, limits: {} } }] }, []],
  [
    {
      containers: [
        {
          name: 'c',
          securityContext: { procMount: 'Unmasked' },
          volumeMounts: [{ mountPropagation: 'Bidirectional' }],
        },
      ],
    },
    ['containers{c}.securityContext.procMount', 'containers{c}.volumeMounts.mountPropagation'],
  ],
  [{ containers: [{ name: 'c', volumeMounts: [{ mountPropagation: 'None' }], volumeDevices: [] }] }, []],
])('%j is run without %j', (spec, expected) => {
  expect(notHonoured({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec })).toEqual(expected);
});
