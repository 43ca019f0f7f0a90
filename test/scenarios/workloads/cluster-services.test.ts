import { describe, expect, it } from 'vitest';
import { eventually } from '../services/eventually.ts';
import { useLab } from '../services/lab.ts';
import type { Scene } from '../services/scene.ts';

/** What a cluster itself serves to its pods. */
const lab = useLab({ dns: true });

const API = 'https://kubernetes.default.svc';
const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

const output = async (scene: Scene, pod: string, script: string): Promise<string> => {
  const { stdout, stderr } = await scene.run(pod, ['sh', '-c', script]);
  return `${stdout}${stderr}`.trim();
};

describe('the API server', () => {
  it('answers pods and the node at its service, as far as policies let them', async () => {
    const scene = await lab.scene();
    await Promise.all([scene.pod('client'), scene.pod('shut', { labels: { app: 'shut' } })]);
    const spec = { podSelector: { matchLabels: { app: 'shut' } }, policyTypes: ['Egress'], egress: [] };
    await scene.apply('networking.k8s.io/v1', 'NetworkPolicy', { spec }, { name: 'shut' });
    const asks = (place: string) => scene.run(place, ['curl', '-sk', '--max-time', '3', 'https://10.96.0.1/version']);
    for (const place of ['client', 'node']) {
      await eventually(`${place} is answered`, async () => (await asks(place)).stdout.includes('membrane'));
    }
    await eventually('the other one is not', async () => (await asks('shut')).stdout === '');
    await expect.poll(async () => (await asks('client')).stdout).toContain('"gitVersion":"v1.32.0-membrane"');
  });

  it('knows a pod by its token, and the pod knows it by its name', async () => {
    const scene = await lab.scene();
    await scene.pod('client');
    const ask = `curl -s --cacert ${ACCOUNT}/ca.crt -H "Authorization: Bearer $(cat ${ACCOUNT}/token)" ${API}/api/v1/namespaces/$(cat ${ACCOUNT}/namespace)/pods`;
    const user = `system:serviceaccount:${scene.namespace}:default`;
    await eventually('it is told that it may not', async () =>
      (await output(scene, 'client', ask)).includes(`User \\"${user}\\" cannot list resource`),
    );
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' };
    const subjects = [{ kind: 'ServiceAccount', name: 'default', namespace: scene.namespace }];
    await scene.apply('rbac.authorization.k8s.io/v1', 'RoleBinding', { roleRef, subjects }, { name: 'view' });
    await expect.poll(async () => await output(scene, 'client', ask)).toContain('"kind":"PodList"');
  });
});

describe('the DNS of the cluster', () => {
  it('tells pods where services are, by every name that they may use', async () => {
    const scene = await lab.scene();
    const { namespace } = scene;
    await Promise.all([scene.pod('client'), scene.pods(['a'], 'web')]);
    const { clusterIP } = await scene.service('web', { ports: [{ name: 'http', port: 80, targetPort: 8080 }] });
    await scene.service('db', { clusterIP: 'None', selector: { app: 'web' }, ports: [{ port: 8080 }] });
    await scene.service('outside', { type: 'ExternalName', externalName: 'www.example.com', selector: undefined });
    await scene.served('web', 1);
    const podIp = await scene.podIp('a');
    await eventually(
      'the name is known',
      async () => (await scene.run('client', ['getent', 'hosts', 'web'])).code === 0,
    );
    for (const name of ['web', `web.${namespace}`, `web.${namespace}.svc`, `web.${namespace}.svc.cluster.local`]) {
      expect((await scene.curl('client', name)).names, name).toEqual(['a']);
    }
    const dig = (...args: string[]) => output(scene, 'client', `dig +short +search ${args.join(' ')}`);
    // Each kind of object is followed by itself: that one name is known says nothing of the others.
    for (const [question, answer] of [
      ['web', clusterIP],
      ['db', podIp],
      [`+tcp web.${namespace}.svc.cluster.local`, clusterIP],
      [`SRV _http._tcp.web.${namespace}.svc.cluster.local`, `0 100 80 web.${namespace}.svc.cluster.local.`],
      ['CNAME outside', 'www.example.com.'],
      [`-x ${clusterIP}`, `web.${namespace}.svc.cluster.local.`],
      [`${podIp.replaceAll('.', '-')}.${namespace}.pod.cluster.local`, podIp],
    ] as const) {
      await expect.poll(async () => await dig(question), { message: question }).toBe(answer);
    }
    for (const unknown of ['nobody', 'www.example.com']) {
      await expect
        .poll(async () => await output(scene, 'client', `dig +search ${unknown}`))
        .toContain('status: NXDOMAIN');
    }
  });

  it('comes back when its pod goes, and policies that name it hold', async () => {
    const scene = await lab.scene();
    const app = { app: 'shut' };
    await Promise.all([scene.pod('client'), scene.pod('shut', { labels: app })]);
    const peer = {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
      podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
    };
    const policy = async (egress: unknown[]) =>
      scene.apply(
        'networking.k8s.io/v1',
        'NetworkPolicy',
        { spec: { podSelector: { matchLabels: app }, policyTypes: ['Egress'], egress } },
        { name: 'shut' },
      );
    const knows = async (pod: string) =>
      (await output(scene, pod, 'dig +short +tries=1 +time=1 kubernetes.default.svc.cluster.local')) === '10.96.0.1';
    await policy([]);
    await eventually('it is shut', async () => !(await knows('shut')));
    await policy([{ to: [peer], ports: [{ port: 53, protocol: 'UDP' }] }]);
    await eventually('it may ask', () => knows('shut'));
    for (const { metadata } of await lab.cluster.list('pods', 'kube-system')) {
      await lab.cluster.delete({ resource: 'pods', namespace: 'kube-system', name: metadata.name });
      await lab.cluster.waitGone('kube-system', metadata.name);
    }
    await lab.cluster.waitReady();
    await eventually('there is another one', () => knows('client'));
  });
});
