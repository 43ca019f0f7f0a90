import { describe, expect, it } from 'vitest';
import { attempt } from '../../../src/demonstration/acts/reach.ts';
import { tenantScene } from '../../../src/demonstration/stage/tenants.ts';
import { ANSWERED_MS } from '../../../src/demonstration/tools/talk-tool.ts';
import { lab } from './shared-sandbox.ts';

/** A tenant who may create any object in his own namespace, and writes into it whatever might be believed. */
describe('objects that claim what they are not', () => {
  const { stage } = lab;

  it('gives no pod the address that its annotations claim (CVE-2022-28224)', async () => {
    const { frontend, backend } = await tenantScene(stage, 'tenant-a');
    const claim = JSON.stringify([backend.ip]);
    const thief = await stage.startPod({
      namespace: 'tenant-b',
      name: 'thief',
      labels: { role: 'thief' },
      annotations: {
        'cni.projectcalico.org/ipAddrs': claim,
        'cni.projectcalico.org/ipAddrsNoIpam': claim,
        'cni.projectcalico.org/floatingIPs': claim,
        'ipam.cilium.io/ip-pool': backend.ip,
        'membrane.io/ip': backend.ip,
        'k8s.v1.cni.cncf.io/networks': JSON.stringify([{ name: 'membrane', ips: [`${backend.ip}/32`] }]),
      },
    });
    expect(thief.ip).not.toBe(backend.ip);
    const { state, arrived } = await attempt(stage, frontend, backend, 8080, ANSWERED_MS);
    expect({ state, arrived: arrived > 0 }).toEqual({ state: 'open', arrived: true });
  });

  it.each([
    ['the namespace of another tenant', { 'io.kubernetes.pod.namespace': 'tenant-a' }],
    [
      'the labels of its namespace (GHSA-pfhr-pccp-hwmh)',
      {
        'io.cilium.k8s.namespace.labels.kubernetes.io.metadata.name': 'tenant-a',
        'kubernetes.io/metadata.name': 'tenant-a',
      },
    ],
    ['its service account', { 'io.cilium.k8s.policy.serviceaccount': 'default', 'io.cilium.k8s.policy.cluster': 'x' }],
    ['a reserved identity', { host: '', 'reserved.host': '', 'reserved.kube-apiserver': '', world: '' }],
  ])('lets no pod in for labels that look like %s', async (_what, labels) => {
    const { backend } = await tenantScene(stage, 'tenant-a');
    const name = stage.fresh('forger');
    const forger = await stage.startPod({
      namespace: 'tenant-b',
      name,
      labels: { app: 'shop', role: 'frontend', ...labels },
    });
    expect(await attempt(stage, forger, backend, 8080)).toMatchObject({
      state: 'timeout',
      arrived: 0,
      decidedBy: expect.stringContaining('policy-ingress'),
    });
  });

  it.each(['../escape', '$(reboot)', 'a;b', '\u001b[31mred', 'UPPER', 'a'.repeat(300), ''])(
    'takes no pod with the name %j',
    async (name) => {
      const apply = stage.createPod({ namespace: 'tenant-b', name, labels: {} });
      await expect(apply).rejects.toMatchObject({ code: 'E_SANDBOX_MANIFEST' });
    },
  );

  it('runs a pod with hostile text where any text is allowed, as any other', async () => {
    const { frontend, backend } = await tenantScene(stage, 'tenant-b');
    const name = stage.fresh('hostile');
    await stage.startPod({
      namespace: 'tenant-b',
      name,
      labels: { role: 'hostile' },
      annotations: {
        note: '\u001b]0;owned\u0007$(touch /tmp/owned)`id`\n; rm -rf /\u202e',
        long: 'x'.repeat(200_000),
      },
    });
    expect((await attempt(stage, frontend, backend, 8080, ANSWERED_MS)).state).toBe('open');
  });

  it('follows a relabel both ways: the API decides who a pod is, at once', async () => {
    const { other, backend } = await tenantScene(stage, 'tenant-a');
    const relabel = async (role: string, timeoutMs?: number) => {
      const before = await stage.whenReady(other.namespace, other.name);
      await lab.cluster.patch(
        { resource: 'pods', namespace: other.namespace, name: other.name },
        { metadata: { labels: { role } } },
      );
      await stage.until('the identity changes', async () => {
        const now = await stage.endpoint(other.namespace, other.name);
        return now === undefined || now.identity === before.identity ? undefined : true;
      });
      return (await attempt(stage, other, backend, 8080, timeoutMs)).state;
    };
    expect(await relabel('frontend', ANSWERED_MS)).toBe('open');
    expect(await relabel('other')).toBe('timeout');
  });
});
