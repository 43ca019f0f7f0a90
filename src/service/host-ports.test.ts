import { describe, expect, it } from 'vitest';
import { frontendKey, type HostPort } from '../model/index.ts';
import { parseAddr } from '../net/index.ts';
import { FrontendClaims } from './claims.ts';
import { frontendsOf } from './frontends.ts';
import { type HostPortContext, hostPortsOf, podOfOwner } from './host-ports.ts';
import { sampleContext, sampleName, sampleService } from './samples.ts';
import { isForOutside } from './shares.ts';

const context = (more: Partial<HostPortContext> = {}): HostPortContext => ({
  nodeAddresses: [parseAddr('172.18.0.2'), parseAddr('192.168.7.1')],
  reserved: [{ min: 10_248, max: 10_259 }],
  isBound: () => false,
  ...more,
});
const pod = (hostPorts: Partial<HostPort>[], name = 'web') => ({
  namespace: 'a',
  name,
  addr: parseAddr('10.244.1.2'),
  hostPorts: hostPorts.map(
    (port): HostPort => ({ hostIP: '', hostPort: 8080, containerPort: 80, protocol: 'TCP', ...port }),
  ),
});
const places = (...args: Parameters<typeof hostPortsOf>): string[] => hostPortsOf(...args).frontends.map(frontendKey);

describe('hostPortsOf', () => {
  it.each(['', '0.0.0.0', '::'])('hostIP "%s": every address of the node, and no other', (hostIP) => {
    expect(places(pod([{ hostIP }]), context())).toEqual(['tcp 172.18.0.2:8080', 'tcp 192.168.7.1:8080']);
  });

  it('one address of the node; the pod is the only backend, by its own port', () => {
    const [frontend, ...more] = hostPortsOf(pod([{ hostIP: '192.168.7.1', protocol: 'UDP' }]), context()).frontends;
    expect(more).toEqual([]);
    expect(frontend).toMatchObject({ kind: 'HostPort', addr: '192.168.7.1', port: 8080, service: 'a/pod:web' });
    expect(frontend?.backends).toMatchObject([{ addr: '10.244.1.2', port: 80, protocol: 'UDP', pod: 'a/web' }]);
    expect(frontend && podOfOwner(frontend.service)).toBe('a/web');
  });

  it('127.0.0.1: for the node alone', () => {
    const { frontends } = hostPortsOf(pod([{ hostIP: '127.0.0.1' }]), context());
    expect(frontends.map(isForOutside)).toEqual([false]);
    expect(frontends[0]?.externalBackends).toEqual([]);
  });

  it.each(['203.0.113.9', '127.0.0.2', '10.96.0.1', '2001:db8::1', 'nonsense'])(
    'refuses %s, which is not the node’s',
    (hostIP) => {
      const { frontends, problems } = hostPortsOf(pod([{ hostIP }]), context());
      expect(frontends).toEqual([]);
      expect(problems).toMatchObject([{ reason: 'HostPortRefused' }]);
    },
  );

  it('refuses ports of the node, and places that a process of the node has', () => {
    for (const hostPort of [10_248, 10_250, 10_259])
      expect(hostPortsOf(pod([{ hostPort }]), context())).toMatchObject({
        frontends: [],
        problems: [{ reason: 'HostPortRefused' }],
      });
    for (const hostPort of [10_247, 10_260]) expect(hostPortsOf(pod([{ hostPort }]), context()).problems).toEqual([]);
    const isBound: HostPortContext['isBound'] = (protocol, addr, port) =>
      protocol === 'TCP' && addr === '172.18.0.2' && port === 8080;
    const it = hostPortsOf(pod([{}, { protocol: 'UDP' }]), context({ isBound }));
    expect(it.frontends.map(frontendKey)).toEqual([
      'tcp 192.168.7.1:8080',
      'udp 172.18.0.2:8080',
      'udp 192.168.7.1:8080',
    ]);
    expect(it.problems).toEqual([
      { reason: 'HostPortTaken', message: 'hostPort TCP :8080 belongs to a process of the node' },
    ]);
  });
});

describe('claims of host ports', () => {
  const claim = (claims: FrontendClaims, name: string, createdAt: string, port: Partial<HostPort> = {}) => {
    const { frontends } = hostPortsOf(pod([{ hostIP: '172.18.0.2', ...port }], name), context());
    claims.replace({ namespace: 'a', name, uid: name, createdAt }, frontends);
    return frontends;
  };

  it('of two pods the older one has the place, and the other is told', () => {
    const claims = new FrontendClaims();
    const [second] = claim(claims, 'second', '2026-01-02T00:00:00Z');
    const [first] = claim(claims, 'first', '2026-01-01T00:00:00Z');
    expect([first && claims.has(first), second && claims.has(second)]).toEqual([true, false]);
    expect(claims.problems(sampleName('a/pod:second'))).toEqual([
      { reason: 'HostPortTaken', message: 'tcp 172.18.0.2:8080 belongs to pod a/first' },
    ]);
  });

  it('differ by address and protocol', () => {
    const claims = new FrontendClaims();
    const all = [{ hostIP: '127.0.0.1' }, { hostIP: '172.18.0.2' }, { hostIP: '172.18.0.2', protocol: 'UDP' as const }];
    const frontends = all.flatMap((port, i) => claim(claims, `p${i}`, '2026-01-01T00:00:00Z', port));
    expect(frontends.map((frontend) => claims.has(frontend))).toEqual([true, true, true]);
  });

  it('never stand before a node port, whoever came first', () => {
    const claims = new FrontendClaims();
    const [frontend] = claim(claims, 'thief', '2025-01-01T00:00:00Z', { hostPort: 30_080 });
    expect(frontend && claims.has(frontend)).toBe(true);
    const service = sampleService({
      type: 'NodePort',
      ports: [{ name: '', protocol: 'TCP', port: 80, nodePort: 30_080 }],
    });
    const touched = claims.replace(service, frontendsOf(service, [], sampleContext()).frontends);
    expect([...touched].flatMap((place) => claims.claimants(place))).toContain('a/pod:thief');
    expect(frontend && claims.has(frontend)).toBe(false);
    expect(claims.problems(sampleName('a/pod:thief')).map(({ message }) => message)).toEqual([
      'tcp 172.18.0.2:30080 belongs to service a/web',
    ]);
    claims.replace(service, []);
    expect(frontend && claims.has(frontend)).toBe(true);
  });
});
