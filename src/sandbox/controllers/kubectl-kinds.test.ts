import { expect, test } from 'vitest';
import { objectAt } from '../apiserver/index.ts';
import { describeKubectl } from '../kubectl-cluster-testkit.ts';
import { settled } from '../testkit.ts';

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

describeKubectl('%s and what people bring', (at) => {
  test('kinds that nobody acts on are kept, each with a word about it', async () => {
    const file = await at.kubectl.file('stored.yaml', STORED);
    const out = await at.kubectl.succeeds('apply', '-f', file);
    const kinds = [...STORED.matchAll(/^kind: (\w+)/gm)].map(([, kind]) => kind);
    expect(kinds).toHaveLength(10);
    const served: (string | undefined)[] = ['PersistentVolumeClaim', 'PersistentVolume', 'StorageClass'];
    for (const kind of kinds) {
      const word = new RegExp(`Warning: the sandbox only stores an? ${kind}: `);
      if (served.includes(kind)) expect(out).not.toMatch(word);
      else expect(out).toMatch(word);
    }
    expect(out).toContain('folders of its own for claims of this class, whatever example.com/disk would make');
    expect(out.match(/ created$/gm)).toHaveLength(10);
    expect((await at.kubectl.succeeds('apply', '-f', file)).match(/ unchanged$/gm)).toHaveLength(10);
  });

  test.each([
    ['pvc', /data\s+Bound\s+pvc-\S+\s+1Gi\s+RWO\s+standard\s+<unset>/],
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
    expect(await at.kubectl.succeeds('get', kind)).toMatch(row);
  });

  test.each([
    ['pvc', 'data'],
    ['ing', 'web'],
    ['hpa', 'web'],
    ['quota', 'few'],
    ['limits', 'small'],
    ['sc', 'standard'],
  ])('describe %s', async (kind, name) => {
    expect(await at.kubectl.succeeds('describe', kind, name)).toMatch(new RegExp(`Name:\\s+${name}`));
  });

  test('unknown fields and bad values are refused as in a cluster', async () => {
    const file = await at.kubectl.file(
      'bad.yaml',
      STORED.replace('pathType: Prefix', 'pathType: Some').replace('value: 1000', 'valu: 1000\nvalue: 1'),
    );
    const { code, out } = await at.kubectl.run('apply', '-f', file);
    expect(code).toBe(1);
    expect(out).toContain('unknown field "valu"');
    expect(out).toContain('spec.rules[0].http.paths[0].pathType: Unsupported value: "Some"');
  });

  test('made by create', async () => {
    await at.kubectl.succeeds('create', 'quota', 'q', '--hard=pods=3,requests.cpu=500m');
    expect(at.cluster.get('resourcequotas', 'q')).toMatchObject({
      spec: { hard: { pods: '3', 'requests.cpu': '500m' } },
    });
    await at.kubectl.succeeds('create', 'priorityclass', 'p', '--value=7', '--description=seven');
    const rule = 'shop.test/cart*=web:80,tls=certificate';
    const made = await at.kubectl.run(
      'create',
      'ingress',
      'i',
      `--rule=${rule}`,
      '--class=nginx',
      '--default-backend=d:http',
    );
    expect([made.code, made.out]).toEqual([0, expect.stringContaining('only stores an Ingress: ')]);
    expect(at.cluster.get('ingresses', 'i')['spec']).toEqual({
      ingressClassName: 'nginx',
      defaultBackend: { service: { name: 'd', port: { name: 'http' } } },
      rules: [
        {
          host: 'shop.test',
          http: {
            paths: [{ path: '/cart', pathType: 'Prefix', backend: { service: { name: 'web', port: { number: 80 } } } }],
          },
        },
      ],
      tls: [{ hosts: ['shop.test'], secretName: 'certificate' }],
    });
    // Zero is a number, and not the lack of one.
    await at.kubectl.succeeds('create', 'pdb', 'none', '--selector=app=none', '--max-unavailable=0');
    expect(at.cluster.get('poddisruptionbudgets', 'none')).toMatchObject({ spec: { maxUnavailable: 0 } });
    await at.kubectl.succeeds('create', 'deployment', 'idle', '--image=pause:1', '--replicas=0');
    expect(at.cluster.get('deployments', 'idle')).toMatchObject({ spec: { replicas: 0 } });
    await at.kubectl.succeeds('delete', 'deployment', 'idle');
    await at.kubectl.succeeds('create', 'pdb', 'b', '--selector=app=none', '--min-available=50%');
    expect(at.cluster.get('poddisruptionbudgets', 'b')).toMatchObject({
      spec: { minAvailable: '50%', selector: { matchLabels: { app: 'none' } } },
    });
  });

  test('an autoscaler is made in the version that kubectl speaks, and is one thing in both', async () => {
    const { code, out } = await at.kubectl.run(
      'autoscale',
      'deployment',
      'scaled',
      '--min=2',
      '--max=4',
      '--cpu-percent=30',
    );
    expect([code, out]).toEqual([1, expect.stringContaining('deployments.apps "scaled" not found')]);
    await at.kubectl.succeeds('create', 'deployment', 'scaled', '--image=pause:1', '--replicas=0');
    const made = await at.kubectl.run('autoscale', 'deployment', 'scaled', '--min=2', '--max=4', '--cpu-percent=30');
    expect(made).toEqual({ code: 0, out: expect.stringMatching(/autoscaled\nWarning: .*nothing is scaled/) });
    const target = { type: 'Utilization', averageUtilization: 30 };
    expect(at.cluster.get('horizontalpodautoscalers', 'scaled')).toMatchObject({
      apiVersion: 'autoscaling/v2',
      spec: { minReplicas: 2, maxReplicas: 4, metrics: [{ type: 'Resource', resource: { name: 'cpu', target } }] },
    });
    const first = 'horizontalpodautoscalers.v1.autoscaling/scaled';
    expect(JSON.parse(await at.kubectl.succeeds('get', first, '-o', 'json'))).toMatchObject({
      apiVersion: 'autoscaling/v1',
      spec: { minReplicas: 2, maxReplicas: 4, targetCPUUtilizationPercentage: 30 },
    });
    const memory = {
      type: 'Resource',
      resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } },
    };
    const metrics = [{ type: 'Resource', resource: { name: 'cpu', target } }, memory];
    await at.kubectl.succeeds('patch', 'hpa/scaled', '--type=merge', '-p', JSON.stringify({ spec: { metrics } }));
    await at.kubectl.succeeds('patch', first, '--type=merge', '-p', '{"spec":{"targetCPUUtilizationPercentage":70}}');
    // What the first version cannot say is not lost when it is written.
    expect(at.cluster.get('horizontalpodautoscalers', 'scaled')).toMatchObject({
      spec: { metrics: [{ resource: { target: { averageUtilization: 70 } } }, memory] },
    });
    expect(await at.kubectl.succeeds('get', first)).toMatch(/cpu: <unknown>\/70%, memory: <unknown>\/1Gi\s+2\s+4/);
    await at.kubectl.succeeds('delete', first, 'deployment/scaled');
  });

  test('a pod is copied, whatever is in it', async () => {
    const text = `
apiVersion: v1
kind: Pod
metadata: {name: full, labels: {app: full}}
spec:
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 0
  securityContext: {runAsUser: 0, supplementalGroups: [5, 6]}
  tolerations: [{key: a, operator: Exists, effect: NoExecute, tolerationSeconds: 0}]
  hostAliases: [{ip: 192.0.2.1, hostnames: [a, b]}]
  volumes:
  - {name: cache, emptyDir: {medium: Memory, sizeLimit: 1Mi}}
  - {name: all, projected: {defaultMode: 0, sources: [{configMap: {name: c, optional: true, items: [{key: k, path: p}]}}]}}
  containers:
  - name: c
    image: pause:1
    env: [{name: A, value: b}, {name: M, valueFrom: {configMapKeyRef: {name: c, key: k, optional: true}}}]
    envFrom: [{prefix: X_, configMapRef: {name: c, optional: true}}]
    resources: {requests: {cpu: 100m}}
    volumeMounts: [{name: cache, mountPath: /cache, readOnly: true}]
    readinessProbe: {httpGet: {port: http, path: /ready}, periodSeconds: 3}
    ports: [{containerPort: 80, name: http}]
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
`;
    await at.kubectl.succeeds('apply', '-f', await at.kubectl.file('full.yaml', text));
    await at.kubectl.succeeds(
      'debug',
      'full',
      '--copy-to=copy',
      '--keep-readiness',
      '--share-processes=false',
      '--set-image=c=pause:2',
    );
    const original = structuredClone(at.cluster.get('pods', 'full'));
    const copy = structuredClone(at.cluster.get('pods', 'copy'));
    Object.assign(objectAt(original, 'spec', 'containers', 0) ?? {}, { image: 'pause:2' });
    for (const pod of [original, copy]) delete objectAt(pod, 'spec')?.['nodeName'];
    expect(copy['spec']).toEqual(original['spec']);
    await at.kubectl.succeeds('delete', 'pod', 'full', 'copy', '--force');
  });

  test('what is not applied any more is pruned', async () => {
    const map = (name: string): string =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, labels: {set: few}}\ndata: {a: b}\n---\n`;
    const two = await at.kubectl.file('two.yaml', map('one') + map('other'));
    const one = await at.kubectl.file('one.yaml', map('one'));
    await at.kubectl.succeeds('apply', '-f', two);
    expect(await at.kubectl.succeeds('apply', '--prune', '-l', 'set=few', '-f', one)).toContain(
      'configmap/other pruned',
    );
    expect(at.cluster.names('configmaps', 'set=few')).toEqual(['one']);
    await at.kubectl.succeeds('delete', '-f', one);
    at.kubectl.env = { ...at.kubectl.env, KUBECTL_APPLYSET: 'true' };
    await at.kubectl.succeeds('apply', '--prune', '--applyset=kept', '-n', 'default', '-f', two);
    const pruned = await at.kubectl.succeeds('apply', '--prune', '--applyset=kept', '-n', 'default', '-f', one);
    expect(pruned).toContain('configmap/other pruned');
    expect(at.cluster.names('configmaps', 'set=few')).toEqual(['one']);
    await at.kubectl.succeeds('delete', '-f', one, '--wait=false');
  });

  test('what the sandbox does not have is refused as by a cluster without it', async () => {
    expect((await at.kubectl.run('top', 'nodes')).out).toContain('Metrics API not available');
    expect((await at.kubectl.run('certificate', 'approve', 'a')).out).toContain(
      `the server doesn't have a resource type "certificatesigningrequests"`,
    );
  });

  test('a cron job is made, shown, and tried by hand', async () => {
    const args = ['--image=pause:1', '--schedule=*/5 * * * *', '--', 'sleep', '60'];
    expect(await at.kubectl.succeeds('create', 'cronjob', 'tick', ...args)).toContain('cronjob.batch/tick created');
    expect(await at.kubectl.succeeds('get', 'cronjob')).toMatch(
      /tick\s+\*\/5 \* \* \* \*\s+<none>\s+False\s+0\s+<none>/,
    );
    expect(await at.kubectl.succeeds('create', 'job', 'now', '--from=cronjob/tick')).toContain('job.batch/now created');
    expect(at.cluster.get('jobs', 'now').metadata).toMatchObject({
      annotations: { 'cronjob.kubernetes.io/instantiate': 'manual' },
      ownerReferences: [{ kind: 'CronJob', name: 'tick' }],
    });
    await settled(at.cluster.store);
    expect(await at.kubectl.succeeds('describe', 'cronjob', 'tick')).toMatch(/Active Jobs:\s+now/);
    await at.kubectl.succeeds('delete', 'cronjob', 'tick');
  });

  test('a disruption budget holds evictions back', async () => {
    await at.kubectl.succeeds('create', 'deployment', 'web', '--image=pause:1', '--replicas=3');
    await at.kubectl.succeeds('rollout', 'status', 'deploy/web');
    await at.kubectl.succeeds('create', 'pdb', 'web', '--selector=app=web', '--max-unavailable=1');
    await settled(at.cluster.store);
    expect(await at.kubectl.succeeds('get', 'pdb', 'web')).toMatch(/web\s+N\/A\s+1\s+1\s/);
    const [first, second] = at.cluster.list('pods', 'app=web').map((pod) => pod.metadata.name);
    const evict = async (name = '') => {
      const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: 'default' } };
      const file = await at.kubectl.file('eviction.json', JSON.stringify(body));
      return at.kubectl.run('create', '--raw', `/api/v1/namespaces/default/pods/${name}/eviction`, '-f', file);
    };
    at.cluster.store.patchStatus('pods', { namespace: 'default', name: first ?? '' }, { conditions: [] });
    await settled(at.cluster.store);
    const refused = await evict(second);
    expect(refused.out).toContain("Cannot evict pod as it would violate the pod's disruption budget");
    await at.kubectl.succeeds('patch', 'pdb', 'web', '--type=merge', '-p', '{"spec":{"maxUnavailable":2}}');
    await settled(at.cluster.store);
    expect((await evict(second)).code).toBe(0);
  });
});
