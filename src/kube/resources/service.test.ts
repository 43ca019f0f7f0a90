import { describe, expect, it } from 'vitest';
import { ENDPOINT_SLICE } from './endpoint-slice.ts';
import { SERVICE } from './service.ts';

const metadata = { uid: 'u', namespace: 'a', name: 'web', creationTimestamp: '2026-01-01T00:00:00Z', labels: {} };

describe('Service', () => {
  it('keeps what steers traffic', () => {
    const row = SERVICE.parse({
      metadata,
      spec: {
        type: 'LoadBalancer',
        clusterIP: '10.96.0.1',
        clusterIPs: ['10.96.0.1'],
        externalIPs: ['192.0.2.1'],
        ports: [{ name: 'http', port: 80, targetPort: 'web', nodePort: 30_000, protocol: 'TCP', appProtocol: 'x' }],
        sessionAffinity: 'ClientIP',
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
        internalTrafficPolicy: 'Local',
        externalTrafficPolicy: 'Local',
        healthCheckNodePort: 31_000,
        loadBalancerSourceRanges: ['10.0.0.0/8'],
      },
      status: {
        loadBalancer: { ingress: [{ ip: '192.0.2.9' }, { ip: '192.0.2.8', ipMode: 'Proxy' }, { hostname: 'x' }] },
      },
    });
    expect(row).toEqual({
      uid: 'u',
      namespace: 'a',
      name: 'web',
      createdAt: '2026-01-01T00:00:00Z',
      type: 'LoadBalancer',
      clusterIPs: ['10.96.0.1'],
      externalIPs: ['192.0.2.1'],
      ingressIPs: ['192.0.2.9'],
      ports: [{ name: 'http', protocol: 'TCP', port: 80, nodePort: 30_000, targetPort: 'web' }],
      affinitySeconds: 60,
      internalTrafficPolicy: 'Local',
      externalTrafficPolicy: 'Local',
      healthCheckNodePort: 31_000,
      hasSourceRanges: true,
      foreign: false,
    });
  });

  it('is what the defaults say where an old server leaves things out', () => {
    expect(
      SERVICE.parse({ metadata: { ...metadata, labels: null }, spec: { clusterIP: 'None', ports: null } }),
    ).toMatchObject({
      type: 'ClusterIP',
      clusterIPs: ['None'],
      ports: [],
      affinitySeconds: 0,
      internalTrafficPolicy: 'Cluster',
      externalTrafficPolicy: 'Cluster',
    });
    expect(SERVICE.parse({ metadata, spec: { sessionAffinity: 'ClientIP' } }).affinitySeconds).toBe(10_800);
  });

  it.each(['service.kubernetes.io/service-proxy-name', 'service.kubernetes.io/headless'])(
    '%s: another one’s',
    (label) => {
      expect(SERVICE.parse({ metadata: { ...metadata, labels: { [label]: '' } }, spec: {} }).foreign).toBe(true);
    },
  );
});

describe('EndpointSlice', () => {
  const parse = (more: object) =>
    ENDPOINT_SLICE.parse({
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      ...more,
    });

  it('keeps what steers traffic', () => {
    const targetRef = { kind: 'Pod', namespace: 'b', name: 'p' };
    const endpoint = {
      addresses: ['10.0.0.1', '10.0.0.2'],
      nodeName: 'n',
      targetRef,
      hints: { forZones: [{ name: 'z' }] },
    };
    expect(parse({ endpoints: [endpoint, { addresses: [] }] })).toMatchObject({
      service: 'web',
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      endpoints: [
        {
          address: '10.0.0.1',
          ready: true,
          serving: true,
          terminating: false,
          nodeName: 'n',
          pod: 'b/p',
          zones: ['z'],
          nodes: [],
        },
      ],
    });
  });

  it.each([
    [{}, [true, true, false]],
    [{ ready: null }, [true, true, false]],
    [{ ready: false }, [false, false, false]],
    [{ ready: false, serving: true, terminating: true }, [false, true, true]],
  ])('conditions %j', (conditions, wanted) => {
    const [endpoint] = parse({ endpoints: [{ addresses: ['10.0.0.1'], conditions }] }).endpoints;
    expect([endpoint?.ready, endpoint?.serving, endpoint?.terminating]).toEqual(wanted);
  });

  it('leaves out ports without a number, and bears nulls for lists', () => {
    expect(parse({ ports: [{ name: 'any' }], endpoints: null })).toMatchObject({ ports: [], endpoints: [] });
  });
});
