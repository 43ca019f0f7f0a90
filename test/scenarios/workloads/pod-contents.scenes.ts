import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { at, listAt, stringAt } from '../../../src/base/index.ts';
import { attempt, type CommandResult } from '../../../src/sandbox/machine/command.ts';
import { STATE_DIR } from '../../../src/sandbox/machine/paths.ts';
import { eventually } from '../services/eventually.ts';
import { lab } from '../services/shared-lab.ts';

/** What a pod is made of besides its network, as somebody with kubectl meets it. */

function kubectl(argv: readonly string[], input = ''): Promise<CommandResult> {
  const { PATH = '' } = process.env;
  return attempt(['kubectl', ...argv], {
    input,
    env: { PATH, HOME: tmpdir(), KUBECONFIG: lab.cluster.kubeconfigPath },
    timeoutMs: 400_000,
  });
}

async function succeeds(...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await kubectl(argv);
  expect(`exit ${code}: ${stderr}`).toMatch(/^exit 0/);
  return stdout;
}

async function apply(...objects: object[]): Promise<void> {
  const items = objects.map((object) => ({ apiVersion: 'v1', ...object }));
  const { code, stderr } = await kubectl(
    ['apply', '-f', '-'],
    JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
  );
  expect(`exit ${code}: ${stderr}`).toMatch(/^exit 0/);
}

const SLEEP = ['sleep', 'infinity'];

async function pod(name: string, container: object, spec: object = {}, metadata: object = {}): Promise<void> {
  const containers = [{ name: 'main', image: 'busybox', command: SLEEP, ...container }];
  await apply({
    kind: 'Pod',
    metadata: { name, ...metadata },
    spec: { terminationGracePeriodSeconds: 0, containers, ...spec },
  });
}

async function inPod(name: string, script: string): Promise<string> {
  return (await succeeds('exec', name, '--', 'sh', '-c', script)).trim();
}

async function ready(...names: string[]): Promise<void> {
  await succeeds('wait', '--for=condition=Ready', '--timeout=300s', ...names.map((name) => `pod/${name}`));
}

async function waitsFor(name: string, reason: string): Promise<string> {
  let message = '';
  await eventually(`${name} waits: ${reason}`, async () => {
    const found = await lab.cluster.get({ resource: 'pods', namespace: 'default', name });
    const waiting = listAt(found, 'status', 'containerStatuses').at(0);
    message = stringAt(waiting, 'state', 'waiting', 'message') ?? '';
    return stringAt(waiting, 'state', 'waiting', 'reason') === reason;
  });
  return message;
}

async function eventOf(name: string, reason: string): Promise<string> {
  let message = '';
  await eventually(`an event ${reason} of ${name}`, async () => {
    const path = `jsonpath={.items[0].message}`;
    message = await succeeds(
      'get',
      'events',
      `--field-selector=involvedObject.name=${name},reason=${reason}`,
      '-o',
      path,
    ).catch(() => '');
    return message !== '';
  });
  return message;
}

describe('the environment of a container', () => {
  it('comes from values, maps, secrets, the pod itself and services', async () => {
    await apply(
      { kind: 'ConfigMap', metadata: { name: 'settings' }, data: { COLOR: 'blue', SIZE: 'large' } },
      { kind: 'Secret', metadata: { name: 'login' }, stringData: { password: 'open sesame' } },
      { kind: 'Service', metadata: { name: 'my-db' }, spec: { ports: [{ port: 5432 }] } },
    );
    const field = (fieldPath: string) => ({ valueFrom: { fieldRef: { fieldPath } } });
    const env = [
      { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'login', key: 'password' } } },
      { name: 'URL', value: 'pg://user:$(PASSWORD)@$(MY_DB_SERVICE_HOST)' },
      { name: 'NAME', ...field('metadata.name') },
      { name: 'IP', ...field('status.podIP') },
      { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } } },
      { name: 'NONE', valueFrom: { configMapKeyRef: { name: 'settings', key: 'x', optional: true } } },
    ];
    const command = ['sh', '-c', 'echo "$1"; env; exec sleep infinity', 'sh'];
    const envFrom = [{ prefix: 'CFG_', configMapRef: { name: 'settings' } }];
    await pod('env', {
      env,
      envFrom,
      command,
      args: ['hello $(CFG_COLOR) $$(IP)'],
      resources: { limits: { cpu: '250m' } },
    });
    await ready('env');
    // It is ready once it runs, whatever it has said by then.
    await expect.poll(async () => await succeeds('logs', 'env')).toContain('MY_DB_PORT_5432_TCP=');
    const host = await succeeds('get', 'service', 'my-db', '-o', 'jsonpath={.spec.clusterIP}');
    const ip = await succeeds('get', 'pod', 'env', '-o', 'jsonpath={.status.podIP}');
    const lines = async () => (await succeeds('logs', 'env')).trim().split('\n');
    await expect
      .poll(lines)
      .toEqual(
        expect.arrayContaining([
          'hello blue $(IP)',
          'PASSWORD=open sesame',
          `URL=pg://user:open sesame@${host}`,
          'NAME=env',
          `IP=${ip}`,
          'CPU=250',
          'CFG_COLOR=blue',
          'CFG_SIZE=large',
          `MY_DB_PORT_5432_TCP=tcp://${host}:5432`,
        ]),
      );
    expect((await lines()).filter((line) => line.startsWith('NONE='))).toEqual([]);
  });

  it('is only its own, by every name that Kubernetes takes', async () => {
    const env = [
      { name: 'discovery.type', value: 'single-node' },
      { name: 'a-b.c', value: 'x=y' },
      { name: 'PATH', value: '/nowhere' },
      { name: 'LD_PRELOAD', value: '/no/such.so' },
    ];
    await pod('named', { env, command: ['/bin/sh', '-c', '/usr/bin/env; exec /bin/sleep infinity'] });
    await ready('named');
    await expect.poll(async () => await succeeds('logs', 'named')).toContain('LD_PRELOAD=');
    // Of the two lists the first has been through a shell, which drops the names that it does not know.
    expect(await succeeds('logs', 'named')).not.toContain('POD_ENV_');
    const shown = (await succeeds('exec', 'named', '--', '/usr/bin/env')).split('\n');
    expect(shown).toEqual(expect.arrayContaining(env.map(({ name, value }) => `${name}=${value}`)));
    expect(shown.filter((line) => line.startsWith('POD_ENV_'))).toEqual([]);
  });

  it('is waited for while something is missing', async () => {
    const ref = (key: string) => ({ name: key, valueFrom: { configMapKeyRef: { name: 'later', key } } });
    await pod('waits', { env: [ref('A')] });
    expect(await waitsFor('waits', 'CreateContainerConfigError')).toBe('configmap "later" not found');
    expect(await eventOf('waits', 'Failed')).toBe('Error: configmap "later" not found');
    await apply({ kind: 'ConfigMap', metadata: { name: 'later' }, data: { B: '1' } });
    await eventually('the key is missing', async () => {
      return (
        (await waitsFor('waits', 'CreateContainerConfigError')) === "couldn't find key A in ConfigMap default/later"
      );
    });
    await apply({ kind: 'ConfigMap', metadata: { name: 'later' }, data: { A: 'came' } });
    await ready('waits');
    expect(await inPod('waits', 'echo $A')).toBe('came');
  });
});

describe('the volumes of a pod', () => {
  it('are shared by its containers, as they are asked for, and nothing of the machine changes', async () => {
    const volumes = [
      { name: 'scratch', emptyDir: {} },
      { name: 'small', emptyDir: { medium: 'Memory', sizeLimit: '64Ki' } },
      { name: 'logs', hostPath: { path: '/var/log/of-the-node', type: 'DirectoryOrCreate' } },
    ];
    const init = [
      { name: 'logs', mountPath: '/logs' },
      { name: 'scratch', mountPath: '/made/by/init' },
    ];
    const volumeMounts = [
      { name: 'scratch', mountPath: '/data' },
      { name: 'scratch', mountPath: '/etc/part', subPath: 'deep/er', readOnly: true },
      { name: 'small', mountPath: '/cache' },
      { name: 'logs', mountPath: '/var/log/app' },
    ];
    const initContainers = [
      {
        name: 'first',
        image: 'busybox',
        command: [
          'sh',
          '-c',
          'mkdir -p /made/by/init/deep/er; echo one > /made/by/init/deep/er/file; echo kept > /logs/file',
        ],
        securityContext: { runAsUser: 0 },
        volumeMounts: init,
      },
    ];
    const securityContext = { runAsUser: 1000, fsGroup: 2000 };
    await pod('volumes', { volumeMounts, workingDir: '/not/there/yet' }, { volumes, initContainers, securityContext });
    await ready('volumes');
    const script = [
      'pwd; cat /data/deep/er/file /etc/part/file /var/log/app/file',
      'touch /etc/part/no 2>&1',
      'head -c 200000 /dev/zero > /cache/big 2> /dev/null || echo full',
      'echo x > /data/x && stat -c "%a %g" /data && stat -c "%u %g" /data/x',
    ].join('; ');
    const said = await inPod('volumes', script);
    expect(said.split('\n')).toEqual([
      '/not/there/yet',
      'one',
      'one',
      'kept',
      expect.stringContaining('Read-only file system'),
      'full',
      '2777 2000',
      '1000 2000',
    ]);
    for (const path of ['/made', '/cache', '/etc/part', '/not', '/var/log/of-the-node', '/var/log/app']) {
      expect(existsSync(path)).toBe(false);
    }
  });

  it('hold what the API has, also when that changes, all at once', async () => {
    await apply(
      { kind: 'ConfigMap', metadata: { name: 'site' }, data: { 'index.html': 'one', more: 'm' } },
      { kind: 'Secret', metadata: { name: 'key' }, stringData: { key: 'secret' } },
    );
    const labels = { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } };
    const volumes = [
      { name: 'site', configMap: { name: 'site', items: [{ key: 'index.html', path: 'www/index.html' }] } },
      { name: 'key', secret: { secretName: 'key', defaultMode: 0o400 } },
      {
        name: 'all',
        projected: {
          sources: [{ configMap: { name: 'site' } }, { secret: { name: 'key' } }, { downwardAPI: { items: [labels] } }],
        },
      },
    ];
    const volumeMounts = [
      { name: 'site', mountPath: '/site' },
      { name: 'key', mountPath: '/var/run/secrets/key' },
      { name: 'all', mountPath: '/all' },
      { name: 'all', mountPath: '/etc/one.html', subPath: 'index.html' },
    ];
    await pod('projected', { volumeMounts }, { volumes }, { labels: { app: 'web' } });
    await ready('projected');
    const look =
      'cat /site/www/index.html; echo; cat /all/labels; echo; cat /etc/one.html; echo; cat /run/secrets/key/key; echo';
    expect(
      await inPod('projected', `${look}; ls /site; stat -Lc %a /run/secrets/key/key; touch /all/x 2>&1; true`),
    ).toBe('one\napp="web"\none\nsecret\nwww\n400\ntouch: cannot touch \'/all/x\': Read-only file system');
    await apply({ kind: 'ConfigMap', metadata: { name: 'site' }, data: { 'index.html': 'two' } });
    await succeeds('label', 'pod', 'projected', 'tier=front');
    await eventually('the files follow', async () => {
      return (await inPod('projected', look)) === 'two\napp="web"\ntier="front"\none\nsecret';
    });
    expect(await inPod('projected', 'ls /all')).toBe('index.html\nkey\nlabels');
  });

  it('are waited for, and what is never served is said', async () => {
    const mount = { volumeMounts: [{ name: 'v', mountPath: '/v' }] };
    await pod('late', mount, { volumes: [{ name: 'v', configMap: { name: 'late' } }] });
    expect(await eventOf('late', 'FailedMount')).toBe(
      'MountVolume.SetUp failed for volume "v" : configmap "late" not found',
    );
    await waitsFor('late', 'ContainerCreating');
    await apply({ kind: 'ConfigMap', metadata: { name: 'late' }, data: { a: 'came' } });
    await ready('late');
    expect(await inPod('late', 'cat /v/a')).toBe('came');

    await pod('never', mount, { volumes: [{ name: 'v', nfs: { server: '203.0.113.7', path: '/' } }] });
    expect(await eventOf('never', 'FailedMount')).toContain('does not serve volumes of the kind nfs');
    const why = `jsonpath={.status.phase} {.status.conditions[?(@.type=="PodReadyToStartContainers")].message}`;
    await expect
      .poll(async () => await succeeds('get', 'pod', 'never', '-o', why))
      .toMatch(/^Pending volume "v": the sandbox does not serve/);
  });

  it('of a claim outlive the pods of a stateful set, and go with the claim', async () => {
    const metadata = { name: 'store', labels: { app: 'store' } };
    const container = { name: 'main', image: 'busybox', command: SLEEP };
    const volumeMounts = [{ name: 'data', mountPath: '/data' }];
    const requests = { storage: '1Gi' };
    const claim = { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests } } };
    const spec = { terminationGracePeriodSeconds: 0, containers: [{ ...container, volumeMounts }] };
    await apply({
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata,
      spec: {
        serviceName: 'store',
        selector: { matchLabels: metadata.labels },
        template: { metadata: { labels: metadata.labels }, spec: { ...spec, securityContext: { runAsUser: 1234 } } },
        volumeClaimTemplates: [claim],
      },
    });
    const upAgain = () => succeeds('rollout', 'status', 'statefulset/store', '--timeout=300s');
    await upAgain();
    await inPod('store-0', 'echo kept > /data/file');
    await succeeds('delete', 'pod', 'store-0');
    await succeeds('wait', '--for=create', '--timeout=300s', 'pod/store-0');
    await ready('store-0');
    expect(await inPod('store-0', 'cat /data/file')).toBe('kept');
    const volume = 'jsonpath={.status.phase} {.spec.volumeName}';
    const [phase, name = ''] = (await succeeds('get', 'pvc', 'data-store-0', '-o', volume)).split(' ');
    expect(phase).toBe('Bound');
    const path = 'jsonpath={.metadata.uid}';
    const folder = join(STATE_DIR, 'volumes', await succeeds('get', 'pv', name, '-o', path));
    expect(existsSync(join(folder, 'file'))).toBe(true);
    await succeeds('delete', 'statefulset', 'store');
    await succeeds('delete', 'pvc', 'data-store-0', '--timeout=300s');
    await succeeds('wait', '--for=delete', '--timeout=300s', `pv/${name}`);
    await eventually('its files are gone', () => Promise.resolve(!existsSync(folder)));
  });
});

describe('the file system of a container', () => {
  it('is its own: names, resolver, and whatever it writes', async () => {
    const hostAliases = [{ ip: '203.0.113.7', hostnames: ['legacy', 'legacy.example'] }];
    const dnsConfig = { searches: ['example.org'], options: [{ name: 'ndots', value: '2' }] };
    await pod(
      'names',
      { securityContext: { readOnlyRootFilesystem: true } },
      { hostAliases, dnsConfig, hostname: 'my-name' },
    );
    await pod('writes', {});
    await ready('names', 'writes');
    const ip = await succeeds('get', 'pod', 'names', '-o', 'jsonpath={.status.podIP}');
    expect(await inPod('names', 'hostname; cat /etc/hostname /etc/resolv.conf')).toBe(
      [
        'my-name\nmy-name',
        'search default.svc.cluster.local svc.cluster.local cluster.local example.org',
        'nameserver 10.96.0.10',
        'options ndots:2',
      ].join('\n'),
    );
    expect(await inPod('names', 'getent hosts my-name legacy')).toMatch(
      new RegExp(`^${ip} +my-name\n203.0.113.7 +legacy legacy.example$`),
    );
    expect(await inPod('names', 'touch /x /run/x 2>&1; true')).toMatch(
      /'\/x': Read-only file system\n.*'\/run\/x': Read-only/,
    );
    await inPod('writes', 'echo own > /etc/of-a-container && cat /etc/of-a-container');
    expect(existsSync('/etc/of-a-container')).toBe(false);
  });
});

describe('the image of a container', () => {
  it('stands for a program of this machine, or is refused with what to do', async () => {
    const none = { command: [] };
    await pod('whoami', { image: 'traefik/whoami:v1.10', ...none });
    await pod('echo', { image: 'hashicorp/http-echo', ...none, args: ['-text=from the image', '-listen=:8000'] });
    await pod('agnhost', { image: 'registry.k8s.io/e2e-test-images/agnhost:2.53', ...none, args: ['netexec'] });
    const script = 'require("node:http").createServer((_, r) => r.end("node " + process.getuid())).listen(8000)';
    await pod('script', {
      image: 'node:24-alpine',
      ...none,
      args: ['node', '-e', script],
      securityContext: { runAsUser: 1000 },
    });
    await pod('asks', {});
    await ready('whoami', 'echo', 'agnhost', 'script', 'asks');
    const ask = async (name: string, rest: string): Promise<string> => {
      const ip = await succeeds('get', 'pod', name, '-o', 'jsonpath={.status.podIP}');
      return await inPod('asks', `curl -s --retry 60 --retry-delay 1 --retry-connrefused http://${ip}${rest}`);
    };
    expect(await ask('whoami', '/')).toContain('Hostname: whoami');
    expect(await ask('echo', ':8000/')).toBe('from the image');
    expect(await ask('agnhost', ':8080/hostname')).toBe('agnhost');
    expect(await ask('script', ':8000/')).toBe('node 1000');

    expect(await inPod('asks', `wget -qO- http://$(getent hosts asks | cut -d ' ' -f 1):1/ 2>&1; true`)).toMatch(
      /^wget: can't connect/,
    );
    await pod('unknown', { image: 'registry.example/shop/web:1', ...none });
    expect(await waitsFor('unknown', 'ErrImageNeverPull')).toContain('--image-map and a line for it');
    await pod('without', { resources: { limits: { memory: '1Gi' } } });
    expect(await eventOf('without', 'NotHonoured')).toContain('containers{main}.resources.limits');
  });
});

describe('a program that cannot be run', () => {
  it('is no container that ran: StartError, 128, and an event that says why', async () => {
    const why = {
      nameless: ['no-such-program', /exec: "no-such-program": executable file not found in \$PATH$/],
      absent: ['/no/such', /exec: "\/no\/such": stat \/no\/such: no such file or directory$/],
      closed: ['/etc/passwd', /exec: "\/etc\/passwd": permission denied$/],
      folder: ['/etc', /exec: "\/etc": permission denied$/],
      shapeless: ['/scripts/shapeless', /exec: "\/scripts\/shapeless": exec format error$/],
      unread: ['/scripts/unread', /exec: "\/scripts\/unread": no such file or directory$/],
    } as const;
    const names = Object.keys(why) as (keyof typeof why)[];
    const data = { shapeless: 'echo no first line', unread: '#!/no/interpreter\n' };
    await apply({ kind: 'ConfigMap', metadata: { name: 'scripts' }, data });
    const volumeMounts = [{ name: 'scripts', mountPath: '/scripts' }];
    const context = { securityContext: { runAsUser: 4_321 }, workingDir: '/made/for/it', volumeMounts };
    const containers = names.map((name) => ({ name, image: 'busybox', command: [why[name][0]], ...context }));
    // One that is well, of a user whom nobody knows, in a folder that nobody has made, at a port that was root's once.
    const script = 'pwd; id -u; httpd -p 80 && echo serves';
    const well = { name: 'well', image: 'busybox', command: ['sh', '-c', script], ...context };
    await pod(
      'broken',
      {},
      {
        restartPolicy: 'Never',
        containers: [...containers, well],
        volumes: [{ name: 'scripts', configMap: { name: 'scripts', defaultMode: 0o755 } }],
      },
    );
    await eventually('all have ended', async () => {
      return (await succeeds('get', 'pod', 'broken', '-o', 'jsonpath={.status.phase}')) === 'Failed';
    });
    const found = await lab.cluster.get({ resource: 'pods', namespace: 'default', name: 'broken' });
    const ended = listAt(found, 'status', 'containerStatuses').map((status) => {
      return [stringAt(status, 'name'), at(status, 'state', 'terminated'), at(status, 'restartCount')];
    });
    const startError = (message: RegExp) => {
      const startedAt = '1970-01-01T00:00:00Z';
      return { exitCode: 128, reason: 'StartError', message: expect.stringMatching(message), startedAt };
    };
    expect(ended).toEqual([
      ...names.map((name) => [name, expect.objectContaining(startError(why[name][1])), 0]),
      ['well', expect.objectContaining({ exitCode: 0, reason: 'Completed' }), 0],
    ]);
    expect(await succeeds('logs', 'broken', '-c', 'well')).toBe('/made/for/it\n4321\nserves\n');
    const events = await succeeds('get', 'events', '--field-selector=involvedObject.name=broken', '-o', 'wide');
    for (const name of names)
      expect(events).toMatch(new RegExp(`Failed .*Error: failed to start.* ${why[name][1].source.slice(0, -1)}`));
    expect(events.match(/Started container/g)).toHaveLength(1);
    // Nothing of ours is in the logs of those who never ran.
    expect(await succeeds('logs', 'broken', '-c', 'absent')).toBe('');
  });
});
