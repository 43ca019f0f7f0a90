import { describe, expect, it } from 'vitest';
import { listAt, stringAt } from '../../../src/sandbox/apiserver/index.ts';
import { attempt, type CommandResult } from '../../../src/sandbox/machine/command.ts';
import { eventually } from '../services/eventually.ts';
import { useLab } from '../services/lab.ts';

/** What a pod is made of besides its network, as somebody with kubectl meets it. */
const lab = useLab();

function kubectl(argv: readonly string[], input = ''): Promise<CommandResult> {
  const { PATH = '' } = process.env;
  return attempt(['kubectl', ...argv], {
    input,
    env: { PATH, HOME: '/nonexistent', KUBECONFIG: lab.cluster.kubeconfigPath },
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
    const said = await succeeds('logs', 'env');
    const host = await succeeds('get', 'service', 'my-db', '-o', 'jsonpath={.spec.clusterIP}');
    const ip = await succeeds('get', 'pod', 'env', '-o', 'jsonpath={.status.podIP}');
    const lines = said.trim().split('\n');
    expect(lines).toEqual(
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
    expect(lines.filter((line) => line.startsWith('NONE='))).toEqual([]);
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
