import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AgentLab, eventually, type LabPod } from './agent-lab.ts';

const NODE_PORT = 30_080;
const OWN = '192.168.77.1';
const NEIGHBOUR = '192.168.77.2';
const BEHIND = '198.18.0.1';
const REFUSED = '198.18.1.1';

/** Says to each client which address it has, once it has said all. */
const SERVER = `require('http')
  .createServer((q, s) => q.resume().on('end', () => s.end(q.socket.remoteAddress)))
  .listen(8080, '0.0.0.0')`;

/** A node with a device beside its uplink, to a network that knows no other address of the node. */
describe.each([
  ['with services', true],
  ['beside another proxy', false],
])('a second device of a node %s', (_how, enableServices) => {
  const lab = new AgentLab();
  const side = `mbr-side-l${lab.tag}`;
  const servers: ChildProcess[] = [];
  let pod: LabPod;

  const serve = (netns: string): void => {
    const argv = [`--net=/run/netns/${netns}`, '--', process.execPath, '-e', SERVER];
    servers.push(spawn('nsenter', argv, { stdio: 'ignore' }));
  };
  const inSide = (...argv: string[]): string => {
    try {
      return execFileSync('nsenter', [`--net=/run/netns/${side}`, '--', ...argv], {
        stdio: ['ignore', 'pipe', 'ignore'],
      }).toString();
    } catch {
      return 'nothing';
    }
  };

  beforeAll(async () => {
    await lab.up();
    execFileSync('ip', ['netns', 'add', side]);
    const ofSide = [
      'link set lo up',
      `link add mbrs0 type veth peer name eth1 netns ${lab.node}`,
      `addr add ${NEIGHBOUR}/24 dev mbrs0`,
      `addr add ${BEHIND}/32 dev lo`,
      'link set mbrs0 up',
    ];
    execFileSync('ip', ['-n', side, '-batch', '-'], { input: ofSide.join('\n') });
    const ofNode = [
      `addr add ${OWN}/24 dev eth1`,
      'link set eth1 up',
      `route add 198.18.0.0/24 via ${NEIGHBOUR} dev eth1`,
    ];
    execFileSync('ip', ['-n', lab.node, '-batch', '-'], { input: ofNode.join('\n') });
    await lab.startAgent({ enableServices });
    pod = await lab.addPod('server', { app: 'server' });
    serve(pod.netns);
    serve(side);
  });
  afterAll(async () => {
    for (const server of servers) server.kill();
    await lab.down();
    execFileSync('ip', ['netns', 'del', side]);
  });

  it('leads pods where the node’s routes do, under the address that is known there', async () => {
    for (const addr of [NEIGHBOUR, BEHIND]) {
      await eventually(
        `the pod is answered by ${addr}`,
        async () => {
          return (await lab.inPod(pod, 'curl', '-s', '-m', '2', `http://${addr}:8080`)).includes(OWN);
        },
        20_000,
      );
      await lab.reaches(pod, addr);
    }
    await lab.reaches(pod, '172.18.0.1');
  });

  it('sends nothing of a pod where the node’s routes refuse to lead', async () => {
    // Somebody at the uplink would answer, whoever asks for him there.
    await lab.inWorld('ip', 'addr', 'add', `${REFUSED}/32`, 'dev', 'lo');
    await lab.reaches(pod, REFUSED);
    await lab.inNode('ip', 'route', 'add', 'prohibit', `${REFUSED}/32`);
    for (let i = 0; i < 3; i++) expect(await lab.ping(pod, REFUSED)).toBe(false);
  });

  it('tells a pod how long a packet may be that leaves by it', async () => {
    await lab.inNode('ip', 'link', 'set', 'eth1', 'mtu', '1300');
    try {
      const whole = async (bytes: number): Promise<string> =>
        await lab.inPod(pod, 'ping', '-n', '-c', '1', '-W', '1', '-M', 'do', '-s', `${bytes}`, BEHIND);
      await lab.reaches(pod, BEHIND);
      expect(await whole(1400)).toMatch(/mtu ?= ?1300/);
      await lab.inPod(pod, 'ip', 'route', 'flush', 'cache');
      expect(await whole(1272)).toContain('1 received');
      const upload = `head -c 400000 /dev/zero | curl -s -m 5 --data-binary @- http://${BEHIND}:8080`;
      expect(await lab.inPod(pod, 'sh', '-c', upload)).toContain(OWN);
    } finally {
      await lab.inNode('ip', 'link', 'set', 'eth1', 'mtu', '1500');
    }
  });

  if (enableServices) {
    it('answers who comes to a service by it', async () => {
      await lab.apply('/api/v1/namespaces/default/services', {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web' },
        spec: {
          type: 'NodePort',
          clusterIP: '10.96.0.80',
          ports: [{ port: 80, targetPort: 8080, nodePort: NODE_PORT }],
        },
      });
      await lab.apply('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
        addressType: 'IPv4',
        ports: [{ name: '', port: 8080 }],
        endpoints: [{ addresses: [pod.ip] }],
      });
      const ask = (addr: string): string => inSide('curl', '-s', '-m', '2', `http://${addr}:${NODE_PORT}`);
      await eventually('the neighbour is answered', () => ask(OWN).includes(NEIGHBOUR), 20_000);
      expect(inSide('curl', '-s', '-m', '2', '--interface', BEHIND, `http://${OWN}:${NODE_PORT}`)).toContain(BEHIND);
    });
  }
});
