import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { attempt } from '../../../src/sandbox/machine/command.ts';
import { eventually } from '../services/eventually.ts';
import { useLab } from '../services/lab.ts';

/** The examples that are whole applications: applied by kubectl as they are, they serve. README begins with the shop. */
const EXAMPLES = join(import.meta.dirname, '../../../examples');
const SHOP = 'http://172.18.0.2:30080';

const lab = useLab({ dns: true });

async function kubectl(...argv: string[]): Promise<string> {
  const { PATH = '' } = process.env;
  const env = { PATH, HOME: tmpdir(), KUBECONFIG: lab.cluster.kubeconfigPath };
  const { code, stdout, stderr } = await attempt(['kubectl', ...argv], { env, timeoutMs: 400_000 });
  expect(`exit ${code}: ${stderr}`).toMatch(/^exit 0/);
  return stdout;
}

async function fromWorld(path: string): Promise<unknown> {
  const { stdout } = await lab.cluster.worldExec(['curl', '-s', '--max-time', '20', `${SHOP}${path}`]);
  return JSON.parse(stdout || 'null');
}

beforeAll(async () => {
  await kubectl('apply', '-f', join(EXAMPLES, 'shop'));
  await kubectl('wait', '-n', 'shop', '--for=condition=Available', '--timeout=390s', 'deployment', '--all');
});

it('sells to the world: names, settings, secrets and volumes reach every program', async () => {
  await eventually('the shop front answers', async () => (await fromWorld('/').catch(() => null)) !== null);
  expect(await fromWorld('/')).toMatchObject({
    from: expect.stringMatching(/^frontend-/),
    products: expect.arrayContaining([expect.objectContaining({ id: 'mug', price: { cents: 800, currency: 'EUR' } })]),
  });
  expect(await fromWorld('/product?user=me&id=lamp')).toMatchObject({
    product: { name: 'Lamp' },
    like: [{ id: 'kettle' }, { id: 'chair' }],
    ad: { text: 'People who know buy it here: lamp' },
  });
  await fromWorld('/add?user=me&id=mug');
  expect(await fromWorld('/add?user=me&id=mug')).toEqual({ mug: 2 });
  expect(await fromWorld('/order?user=me')).toMatchObject({
    items: { mug: 2 },
    price: { cents: 1700, currency: 'EUR' },
    transaction: expect.stringMatching(/^test-/),
  });
  expect(await kubectl('exec', '-n', 'shop', 'deploy/email', '--', 'cat', '/outbox/mail')).toContain('"user":"me"');
});

it('has visitors, who find it by its name', async () => {
  await eventually('a visitor has bought something', async () => {
    return /^visit \d+: \w+ for [\d.]+ EUR$/m.test(await kubectl('logs', '-n', 'shop', 'deploy/visitors'));
  });
});

it('lets nobody talk to anybody else', async () => {
  const ask = (from: string, url: string): Promise<string> =>
    kubectl('exec', '-n', 'shop', `deploy/${from}`, '--', 'sh', '-c', `curl -s --max-time 3 ${url} || echo failed`);
  await expect.poll(async () => await ask('cart', 'http://store/get?key=x')).toBe('{}');
  expect((await ask('ads', 'http://store/get?key=x')).trim()).toBe('failed');
  expect((await ask('visitors', 'http://payment/healthz')).trim()).toBe('failed');
});

it('runs a pipeline of queues, jobs and workers beside it', async () => {
  await kubectl('apply', '-f', join(EXAMPLES, 'pipeline'));
  await kubectl('wait', '-n', 'pipeline', '--for=condition=Complete', '--timeout=390s', 'job/sensors');
  const inPod = (from: string, script: string): Promise<string> =>
    kubectl('exec', '-n', 'pipeline', from, '--', 'sh', '-c', script);
  const whole = '{"count":100,"sum":1300,"sensors":4}';
  await eventually('all measurements are in', async () => {
    return (await inPod('deploy/results', 'curl -s localhost:8080')).trim() === whole;
  });
  await eventually('the node has kept them', async () => {
    return (await inPod('ds/archive', 'tail -n 1 /archive/results.log')).trim() === `node-1 ${whole}`;
  });
  expect((await inPod('ds/archive', 'curl -s --max-time 3 http://queue-0.queue:8080/ || echo failed')).trim()).toBe(
    'failed',
  );
});

/** The commands of a document, each as it stands there, in one shell's order. */
async function goThrough(text: string): Promise<number> {
  const commands = text
    .matchAll(/^```sh\n(.*?)^```/gms)
    .flatMap(([, block = '']) => block.trim().split('\n'))
    .toArray();
  const { PATH = '' } = process.env;
  const env = { PATH, HOME: tmpdir(), KUBECONFIG: lab.cluster.kubeconfigPath };
  const run = async (command: string): Promise<string> => {
    const { code, stdout, stderr } = await attempt(['sh', '-c', command], { env, timeoutMs: 400_000 });
    return `${command}: exit ${code} ${stdout}${stderr}`;
  };
  for (const command of commands) {
    const asWritten = /# fails.*: exit [1-9]|^(?!.*# fails).*: exit 0/;
    // On a busy machine a change is in force after more than the second that a reader waits: who only looks, looks again.
    const looks = /^kubectl .*\bexec\b|^\.\/membrane /.test(command);
    if (looks) await expect.poll(async () => await run(command), { timeout: 120_000 }).toMatch(asWritten);
    else expect(await run(command)).toMatch(asWritten);
  }
  return commands.length;
}

const document = (name: string): string => readFileSync(join(EXAMPLES, '../docs', name), 'utf8');

it('goes through the first week as it is written', async () => {
  expect(await goThrough(document('HOWTO.md'))).toBeGreaterThan(15);
});

it('tries tenants as it is written', async () => {
  const [, section = ''] = /^## Try it\n(.*?)^## /ms.exec(document('TENANTS.md')) ?? [];
  expect(await goThrough(section)).toBeGreaterThan(10);
});
