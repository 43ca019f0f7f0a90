import { expect, test } from 'vitest';
import { listAt, numberAt, stringAt } from '../apiserver/index.ts';
import { describeKubectl } from '../kubectl-cluster-testkit.ts';

const MANIFEST = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: "pause:1", ports: [{containerPort: 8080}]}]}
`;

describeKubectl('%s and workloads', (at) => {
  test('a deployment is applied, watched, shown, scaled, restarted, undone and deleted', async () => {
    const file = await at.kubectl.file('web.yaml', MANIFEST);
    expect(await at.kubectl.succeeds('apply', '-f', file)).toContain('deployment.apps/web created');
    expect(await at.kubectl.succeeds('rollout', 'status', 'deploy/web')).toContain('successfully rolled out');
    expect(await at.kubectl.succeeds('apply', '-f', file)).toContain('deployment.apps/web unchanged');
    const wide = await at.kubectl.succeeds('get', 'deploy,rs', '-o', 'wide');
    expect(wide).toMatch(/NAME\s+READY\s+UP-TO-DATE\s+AVAILABLE\s+AGE\s+CONTAINERS\s+IMAGES\s+SELECTOR/);
    expect(wide).toMatch(/deployment\.apps\/web\s+3\/3\s+3\s+3\s+\S+\s+main\s+pause:1\s+app=web/);
    expect(wide).toMatch(/NAME\s+DESIRED\s+CURRENT\s+READY\s+AGE\s+CONTAINERS\s+IMAGES\s+SELECTOR/);
    expect(wide).toMatch(/replicaset\.apps\/web-\w+\s+3\s+3\s+3\s+\S+\s+main\s+pause:1\s+app=web,pod-template-hash=/);
    const described = await at.kubectl.succeeds('describe', 'deployment', 'web');
    expect(described).toMatch(/StrategyType:\s+RollingUpdate/);
    expect(described).toMatch(/NewReplicaSet:\s+web-\w+ \(3\/3 replicas created\)/);
    expect(described).toMatch(/Available\s+True\s+MinimumReplicasAvailable/);
    expect(described).toMatch(
      /ScalingReplicaSet\s+\S+\s+deployment-controller\s+Scaled up replica set web-\w+ from 0 to 3/,
    );

    expect(await at.kubectl.succeeds('scale', 'deploy/web', '--replicas=5', '--current-replicas=3')).toContain(
      'scaled',
    );
    await at.kubectl.succeeds('rollout', 'status', 'deploy/web');
    expect(at.cluster.list('pods', 'app=web')).toHaveLength(5);
    await at.kubectl.succeeds('set', 'image', 'deploy/web', 'main=pause:2');
    await at.kubectl.succeeds('annotate', 'deploy/web', 'kubernetes.io/change-cause=a better pause');
    await at.kubectl.succeeds('rollout', 'restart', 'deploy/web');
    await at.kubectl.succeeds('rollout', 'status', 'deploy/web');
    expect(await at.kubectl.succeeds('rollout', 'history', 'deploy/web')).toMatch(
      /1\s+<none>\n2\s+\S+[^]*3\s+a better pause/,
    );
    expect(await at.kubectl.succeeds('rollout', 'history', 'deploy/web', '--revision=1')).toContain('pause:1');
    expect(await at.kubectl.succeeds('rollout', 'undo', 'deploy/web', '--to-revision=1')).toContain('rolled back');
    await at.kubectl.succeeds('rollout', 'status', 'deploy/web');
    const images = at.cluster.list('pods', 'app=web').map((pod) => stringAt(pod, 'spec', 'containers', 0, 'image'));
    expect(new Set(images)).toEqual(new Set(['pause:1']));
    await at.kubectl.succeeds('rollout', 'pause', 'deploy/web');
    await at.kubectl.succeeds('rollout', 'resume', 'deploy/web');

    expect(await at.kubectl.succeeds('expose', 'deploy/web', '--port=80', '--target-port=8080')).toContain('exposed');
    expect(at.cluster.get('services', 'web')).toMatchObject({ spec: { selector: { app: 'web' } } });
    await at.kubectl.succeeds('delete', 'deploy/web', '--cascade=orphan');
    expect(at.cluster.list('pods', 'app=web')).toHaveLength(5);
    await at.kubectl.succeeds('delete', 'rs', '-l', 'app=web', '--cascade=foreground');
    expect(at.cluster.list('pods', 'app=web')).toEqual([]);
  });

  test('kinds and fields are explained', async () => {
    const deployment = await at.kubectl.succeeds('explain', 'deployment');
    expect(deployment).toMatch(
      /GROUP:\s+apps\nKIND:\s+Deployment\nVERSION:\s+v1\n\nDESCRIPTION:\n\s+Keeps pods of one template/,
    );
    expect(deployment).toMatch(/spec\s+<DeploymentSpec>\n\s+What is wanted\./);
    expect(await at.kubectl.succeeds('explain', 'deploy.spec.strategy.rollingUpdate.maxSurge')).toMatch(
      /FIELD: maxSurge <IntOrString>\n\n\s*DESCRIPTION:\n\s+How many more than wanted/,
    );
    expect(await at.kubectl.succeeds('explain', 'pod.spec.containers', '--recursive')).toMatch(
      /livenessProbe\s+<Probe>\n\s+exec\s+<ExecAction>\n\s+command\s+<\[\]string>/,
    );
    expect(await at.kubectl.succeeds('explain', 'netpol.spec.ingress.from')).toContain(
      'The other end of a connection.',
    );
    expect((await at.kubectl.run('explain', 'pod.spec.nothing')).out).toContain('field "nothing" does not exist');
  });

  test('a deployment is created by its name and image', async () => {
    expect(
      await at.kubectl.succeeds('create', 'deployment', 'made', '--image=pause:1', '--replicas=2', '--port=80'),
    ).toContain('deployment.apps/made created');
    await at.kubectl.succeeds('rollout', 'status', 'deploy/made');
    expect(await at.kubectl.succeeds('get', 'all')).toMatch(/deployment\.apps\/made\s+2\/2/);
    await at.kubectl.succeeds('delete', 'deployment', 'made');
    await expect.poll(() => at.cluster.list('pods', 'app=made')).toEqual([]);
  });

  test('what is wrong is refused in the words of a server of Kubernetes', async () => {
    const wrong = async (from: string, to: string): Promise<string> => {
      const { code, out } = await at.kubectl.run(
        'apply',
        '-f',
        await at.kubectl.file('wrong.yaml', MANIFEST.replace(from, to)),
      );
      expect(code).toBe(1);
      return out;
    };
    expect(await wrong('labels: {app: web}', 'labels: {app: other}')).toContain(
      'The Deployment "web" is invalid: spec.template.metadata.labels: Invalid value: map[string]string{"app":"other"}: `selector` does not match template `labels`',
    );
    expect(await wrong('replicas: 3', 'strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 0}}')).toContain(
      'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: intstr.IntOrString{Type:0, IntVal:0, StrVal:""}: may not be 0 when `maxSurge` is 0',
    );
    expect(await wrong('spec: {containers', 'spec: {restartPolicy: Never, containers')).toContain(
      'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    );
    expect(await wrong('replicas: 3', 'replicsa: 3')).toContain('unknown field "spec.replicsa"');
  });

  test('the number of pods is also what an autoscaler reads and writes', async () => {
    await at.kubectl.succeeds('apply', '-f', await at.kubectl.file('web.yaml', MANIFEST));
    await at.kubectl.succeeds('rollout', 'status', 'deploy/web');
    const path = '/apis/apps/v1/namespaces/default/deployments/web/scale';
    expect(JSON.parse(await at.kubectl.succeeds('get', '--raw', path))).toMatchObject({
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      spec: { replicas: 3 },
      status: { replicas: 3, selector: 'app=web' },
    });
    await at.kubectl.succeeds(
      'patch',
      'deploy/web',
      '--subresource=scale',
      '--type=merge',
      '-p',
      '{"spec":{"replicas":1}}',
    );
    await expect.poll(() => numberAt(at.cluster.get('deployments', 'web'), 'status', 'replicas')).toBe(1);
    expect(listAt(at.cluster.get('deployments', 'web'), 'status', 'conditions')).toHaveLength(2);
    await at.kubectl.succeeds('delete', 'deploy/web', '--cascade=foreground');
  });

  test('a job is created, waited for and shown', async () => {
    await at.kubectl.succeeds('create', 'job', 'work', '--image=pause:1', '--', 'true');
    await expect.poll(() => at.cluster.list('pods', 'job-name=work').length).toBe(1);
    expect(await at.kubectl.succeeds('get', 'jobs')).toMatch(
      /NAME\s+STATUS\s+COMPLETIONS\s+DURATION\s+AGE\nwork\s+Running\s+0\/1/,
    );
    const waiting = at.kubectl.succeeds('wait', '--for=condition=Complete', 'job/work', '--timeout=60s');
    for (const name of at.cluster.names('pods', 'job-name=work')) at.cluster.setPod(name, 'Succeeded');
    expect(await waiting).toContain('condition met');
    expect(await at.kubectl.succeeds('describe', 'job', 'work')).toMatch(/Pods Statuses:\s+0 Active .*1 Succeeded/);
    await at.kubectl.succeeds('delete', 'job', 'work');
    await expect.poll(() => at.cluster.list('pods', 'job-name=work')).toEqual([]);
  });

  test('a stateful set rolls out, forth and back', async () => {
    const manifest = MANIFEST.replace('kind: Deployment', 'kind: StatefulSet').replaceAll('web', 'db');
    await at.kubectl.succeeds('apply', '-f', await at.kubectl.file('db.yaml', manifest));
    await at.kubectl.succeeds('rollout', 'status', 'sts/db');
    expect(at.cluster.names('pods', 'app=db')).toEqual(['db-0', 'db-1', 'db-2']);
    expect(await at.kubectl.succeeds('get', 'sts', '-o', 'wide')).toMatch(/db\s+3\/3\s+\S+\s+main\s+pause:1/);
    await at.kubectl.succeeds('set', 'image', 'sts/db', 'main=pause:2');
    await at.kubectl.succeeds('rollout', 'status', 'sts/db');
    expect(await at.kubectl.succeeds('rollout', 'history', 'sts/db')).toMatch(/1\s+<none>\n2\s+<none>/);
    expect(await at.kubectl.succeeds('rollout', 'undo', 'sts/db')).toContain('rolled back');
    await at.kubectl.succeeds('rollout', 'status', 'sts/db');
    expect(stringAt(at.cluster.get('pods', 'db-0'), 'spec', 'containers', 0, 'image')).toBe('pause:1');
    expect(await at.kubectl.succeeds('get', 'controllerrevisions')).toMatch(/db-\w+\s+statefulset\.apps\/db\s+3/);
    await at.kubectl.succeeds('scale', 'sts/db', '--replicas=1');
    await expect.poll(() => at.cluster.names('pods', 'app=db')).toEqual(['db-0']);
    await at.kubectl.succeeds('delete', 'sts/db');
    await expect.poll(() => at.cluster.names('controllerrevisions')).toEqual([]);
  });

  test('a daemon set rolls out, forth and back', async () => {
    at.cluster.store.create('nodes', { metadata: { name: 'node-1' } });
    const manifest = MANIFEST.replace('kind: Deployment', 'kind: DaemonSet').replace(
      'replicas: 3',
      'minReadySeconds: 0',
    );
    await at.kubectl.succeeds('apply', '-f', await at.kubectl.file('agent.yaml', manifest.replaceAll('web', 'agent')));
    await at.kubectl.succeeds('rollout', 'status', 'ds/agent');
    await at.kubectl.succeeds('set', 'image', 'ds/agent', 'main=pause:2');
    await at.kubectl.succeeds('rollout', 'status', 'ds/agent');
    await at.kubectl.succeeds('rollout', 'undo', 'ds/agent');
    await at.kubectl.succeeds('rollout', 'status', 'ds/agent');
    expect(at.cluster.list('pods', 'app=agent').map((pod) => stringAt(pod, 'spec', 'containers', 0, 'image'))).toEqual([
      'pause:1',
    ]);
    expect(await at.kubectl.succeeds('get', 'ds')).toMatch(/agent\s+1\s+1\s+1\s+1\s+1\s+<none>/);
    await at.kubectl.succeeds('delete', 'ds/agent', '--cascade=foreground');
  });
});
