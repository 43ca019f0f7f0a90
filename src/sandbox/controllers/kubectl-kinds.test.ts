import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Kubectl, kubectls } from '../kubectl-testkit.ts';
import { settled } from '../testkit.ts';
import { TEST_TOKEN, TestCluster } from './testkit.ts';

const STORED = `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], storageClassName: standard, resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: disk}
spec: {accessModes: [ReadWriteOnce, ReadOnlyMany], capacity: {storage: 5Gi}, hostPath: {path: /data}}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: standard, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: example.com/disk
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  ingressClassName: nginx
  tls: [{hosts: [shop.test]}]
  rules: [{host: shop.test, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: nginx}
spec: {controller: k8s.io/ingress-nginx}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 5
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: high}
value: 1000
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: few}
spec: {hard: {pods: "4", limits.cpu: "2"}}
---
apiVersion: v1
kind: LimitRange
metadata: {name: small}
spec: {limits: [{type: Container, default: {cpu: 100m}}]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: guard}
webhooks:
- name: guard.example.com
  clientConfig: {service: {namespace: a, name: b, path: /c}}
  rules: [{operations: [CREATE], apiGroups: [""], apiVersions: [v1], resources: [pods]}]
  sideEffects: None
  admissionReviewVersions: [v1]
`;

const programs = kubectls();
if (programs.length === 0) test.skip('kubectl: not installed', () => undefined);

describe.each(programs)('%s and what people bring', (program) => {
  let cluster: TestCluster;
  let kubectl: Kubectl;
  let end: () => Promise<void>;

  beforeAll(async () => {
    cluster = new TestCluster();
    end = cluster.keepPodsRunning();
    kubectl = await Kubectl.connect(program, cluster.api, TEST_TOKEN);
  });
  afterAll(async () => {
    await end?.();
    await kubectl?.close();
    await cluster?.[Symbol.asyncDispose]();
  });

  test('kinds that nobody acts on are kept, each with a word about it', async () => {
    const file = await kubectl.file('stored.yaml', STORED);
    const out = await kubectl.succeeds('apply', '-f', file);
    const kinds = [...STORED.matchAll(/^kind: (\w+)/gm)].map(([, kind]) => kind);
    expect(kinds).toHaveLength(10);
    for (const kind of kinds) expect(out).toContain(`Warning: the sandbox only stores a ${kind}: `);
    expect(out.match(/ created$/gm)).toHaveLength(10);
    expect((await kubectl.succeeds('apply', '-f', file)).match(/ unchanged$/gm)).toHaveLength(10);
  });

  test.each([
    ['pvc', /data\s+Pending\s+standard\s+<unset>/],
    ['pv', /disk\s+5Gi\s+RWO,ROX\s+Retain\s+Available/],
    ['sc', /standard \(default\)\s+example\.com\/disk\s+Delete\s+WaitForFirstConsumer\s+false/],
    ['ing', /web\s+nginx\s+shop\.test\s+80, 443/],
    ['ingressclass', /nginx\s+k8s\.io\/ingress-nginx\s+<none>/],
    ['hpa', /web\s+Deployment\/web\s+cpu: <unknown>\/50%\s+2\s+5\s+0/],
    ['pc', /high\s+1000\s+false\s+\S+\s+PreemptLowerPriority/],
    ['quota', /few\s+pods: 0\/4\s+limits\.cpu: 0\/2/],
    ['limits', /small\s+20\d\d-/],
    ['validatingwebhookconfigurations', /guard\s+1\s+/],
  ])('get %s', async (kind, row) => {
    expect(await kubectl.succeeds('get', kind)).toMatch(row);
  });

  test.each([
    ['pvc', 'data'],
    ['ing', 'web'],
    ['hpa', 'web'],
    ['quota', 'few'],
    ['limits', 'small'],
    ['sc', 'standard'],
  ])('describe %s', async (kind, name) => {
    expect(await kubectl.succeeds('describe', kind, name)).toMatch(new RegExp(`Name:\\s+${name}`));
  });

  test('unknown fields and bad values are refused as in a cluster', async () => {
    const file = await kubectl.file(
      'bad.yaml',
      STORED.replace('pathType: Prefix', 'pathType: Some').replace('value: 1000', 'valu: 1000\nvalue: 1'),
    );
    const { code, out } = await kubectl.run('apply', '-f', file);
    expect(code).toBe(1);
    expect(out).toContain('unknown field "valu"');
    expect(out).toContain('spec.rules[0].http.paths[0].pathType: Unsupported value: "Some"');
  });

  test('made by create', async () => {
    await kubectl.succeeds('create', 'quota', 'q', '--hard=pods=3,requests.cpu=500m');
    expect(cluster.get('resourcequotas', 'q')).toMatchObject({ spec: { hard: { pods: '3', 'requests.cpu': '500m' } } });
    await kubectl.succeeds('create', 'priorityclass', 'p', '--value=7', '--description=seven');
    await kubectl.succeeds('create', 'pdb', 'b', '--selector=app=none', '--min-available=50%');
    expect(cluster.get('poddisruptionbudgets', 'b')).toMatchObject({
      spec: { minAvailable: '50%', selector: { matchLabels: { app: 'none' } } },
    });
  });

  test('a cron job is made, shown, and tried by hand', async () => {
    const args = ['--image=pause:1', '--schedule=*/5 * * * *', '--', 'sleep', '60'];
    expect(await kubectl.succeeds('create', 'cronjob', 'tick', ...args)).toContain('cronjob.batch/tick created');
    expect(await kubectl.succeeds('get', 'cronjob')).toMatch(/tick\s+\*\/5 \* \* \* \*\s+<none>\s+False\s+0\s+<none>/);
    expect(await kubectl.succeeds('create', 'job', 'now', '--from=cronjob/tick')).toContain('job.batch/now created');
    expect(cluster.get('jobs', 'now').metadata).toMatchObject({
      annotations: { 'cronjob.kubernetes.io/instantiate': 'manual' },
      ownerReferences: [{ kind: 'CronJob', name: 'tick' }],
    });
    await settled(cluster.store);
    expect(await kubectl.succeeds('describe', 'cronjob', 'tick')).toMatch(/Active Jobs:\s+now/);
    await kubectl.succeeds('delete', 'cronjob', 'tick');
  });

  test('a disruption budget holds evictions back', async () => {
    await kubectl.succeeds('create', 'deployment', 'web', '--image=pause:1', '--replicas=3');
    await kubectl.succeeds('rollout', 'status', 'deploy/web');
    await kubectl.succeeds('create', 'pdb', 'web', '--selector=app=web', '--max-unavailable=1');
    await settled(cluster.store);
    expect(await kubectl.succeeds('get', 'pdb', 'web')).toMatch(/web\s+N\/A\s+1\s+1\s/);
    const [first, second] = cluster.list('pods', 'app=web').map((pod) => pod.metadata.name);
    const evict = async (name = '') => {
      const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: 'default' } };
      const file = await kubectl.file('eviction.json', JSON.stringify(body));
      return kubectl.run('create', '--raw', `/api/v1/namespaces/default/pods/${name}/eviction`, '-f', file);
    };
    cluster.store.patchStatus('pods', { namespace: 'default', name: first ?? '' }, { conditions: [] });
    await settled(cluster.store);
    const refused = await evict(second);
    expect(refused.out).toContain("Cannot evict pod as it would violate the pod's disruption budget");
    await kubectl.succeeds('patch', 'pdb', 'web', '--type=merge', '-p', '{"spec":{"maxUnavailable":2}}');
    await settled(cluster.store);
    expect((await evict(second)).code).toBe(0);
  });
});
