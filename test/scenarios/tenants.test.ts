import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type ApiClient, apiClient } from '../../src/api/index.ts';
import { SandboxCluster } from '../../src/sandbox/cluster/cluster.ts';
import { worldArgv } from '../../src/sandbox/machine/topology.ts';
import { waitForMachine } from '../../src/sandbox/testkit.ts';
import { eventually } from './services/eventually.ts';

const TCP = 8080;
const SERVES = `exec socat TCP-LISTEN:${TCP},fork,reuseaddr,backlog=64 EXEC:cat`;
const IDLES = 'exec sleep infinity';

const namespace = (name: string): string => `
apiVersion: v1
kind: Namespace
metadata: { name: ${name} }
---`;

const pod = (own: string, name: string, node: string, command: string): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: ${own}, labels: { app: ${name} } }
spec:
  nodeName: ${node}
  terminationGracePeriodSeconds: 0
  containers:
    - name: main
      image: sandbox/none
      command: [sh, -c, '${command}']
---`;

const tenant = (name: string, claims: string, more = ''): string => `
apiVersion: membrane.io/v1alpha1
kind: Tenant
metadata: { name: ${name} }
spec: { namespaces: ${claims}${more} }
---`;

/** Of `far`, and of nobody else of its namespace. */
const SERVICE = `
apiVersion: v1
kind: Service
metadata: { name: far, namespace: billing }
spec: { selector: { app: far }, ports: [{ name: web, port: 80, targetPort: ${TCP} }] }
---`;
const EXPORTS = ', exports: [{ name: far, service: billing/far, ports: [web], to: [shop] }]';
const IMPORTS = ', imports: [{ tenant: billing, export: far }]';

/** A tenant opens itself to everybody, as far as it can. */
const allowAll = (own: string): string => `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: allow-all, namespace: ${own} }
spec: { podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}] }
---`;

const cluster = new SandboxCluster();
let isUp = false;

beforeAll(async () => {
  await waitForMachine();
  await cluster.up({ nodes: 2, dns: false });
  isUp = true;
  await cluster.apply(
    [
      ...['shop-web', 'shop-db', 'billing', 'other'].map(namespace),
      pod('shop-web', 'client', 'node-1', IDLES),
      pod('shop-db', 'server', 'node-2', SERVES),
      pod('billing', 'near', 'node-1', SERVES),
      pod('billing', 'far', 'node-2', SERVES),
      pod('other', 'plain', 'node-2', SERVES),
      ...['shop-web', 'shop-db', 'billing', 'other'].map(allowAll),
    ].join(''),
  );
  await cluster.waitReady();
  for (const [own, name] of EVERYBODY) await eventually(`the client reaches ${name}`, () => reaches(own, name));
});

afterAll(async () => {
  if (isUp) await cluster.down();
});

const EVERYBODY = [
  ['shop-db', 'server'],
  ['billing', 'near'],
  ['billing', 'far'],
  ['other', 'plain'],
] as const;

function conditionOf(object: unknown, type: string): string | undefined {
  const { status } = (object ?? {}) as { status?: { conditions?: { type: string; status: string }[] } };
  return status?.conditions?.find((one) => one.type === type)?.status;
}

const agent = (node: string): ApiClient => apiClient({ socketPath: join(cluster.node(node).agentDir, 'admin.sock') });

async function ip(own: string, name: string): Promise<string> {
  const found = await cluster.get({ resource: 'pods', namespace: own, name });
  return (found?.['status'] as { podIP?: string } | undefined)?.podIP ?? '';
}

async function ask(from: readonly [string, string], to: readonly [string, string]): Promise<boolean> {
  return await askAt(from, `${await ip(...to)}:${TCP}`);
}

async function askAt(from: readonly [string, string], place: string): Promise<boolean> {
  const line = `echo hello | socat -t15 - TCP:${place},connect-timeout=1`;
  return (await cluster.exec(...from, ['sh', '-c', line], { timeoutMs: 20_000 })).stdout === 'hello\n';
}
const CLIENT = ['shop-web', 'client'] as const;
const reaches = async (own: string, name: string): Promise<boolean> => await ask(CLIENT, [own, name]);
const whom = async (): Promise<string[]> => {
  const answers: string[] = [];
  for (const [own, name] of EVERYBODY) if (await reaches(own, name)) answers.push(name);
  return answers;
};
/** Of everybody these, and at no time another: only who is to answer is asked again when a busy machine was late. */
const reachesOnly = async (...wanted: string[]): Promise<void> => {
  for (const [own, name] of EVERYBODY) {
    if (wanted.includes(name)) await eventually(`the client reaches ${name}`, () => reaches(own, name));
    else expect(await reaches(own, name), name).toBe(false);
  }
};
/** Both nodes have it. */
const known = async (what: string, holds: (client: ApiClient) => Promise<boolean>): Promise<void> => {
  for (const node of ['node-1', 'node-2']) await eventually(`${node}: ${what}`, async () => await holds(agent(node)));
};
const has =
  (name: string, ...namespaces: string[]) =>
  async (client: ApiClient): Promise<boolean> => {
    const found = (await client.tenants()).find((row) => row.name === name);
    return (
      found?.namespaces.flatMap((one) => (one.closed === undefined ? [one.name] : [])).join() === namespaces.join()
    );
  };

test('what-if says of the traffic that there was what a policy would stop, and each node of its own', async () => {
  const closing = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'allow-all', namespace: 'shop-db' },
    spec: { podSelector: {}, policyTypes: ['Ingress'] },
  };
  const seen = { change: 'stops', from: 'shop-web/client', to: 'shop-db/server', protocol: 'TCP', port: TCP };
  for (const node of ['node-1', 'node-2']) {
    const stopped = async () => {
      const { pairs, unjudged } = await agent(node).replay({ proposed: [closing] });
      return [pairs, unjudged];
    };
    // What was asked before all is told by the kernel, and noted when the agent gets to it.
    await expect
      .poll(stopped, { message: node })
      .toMatchObject([[{ ...seen, policies: ['NetworkPolicy shop-db/allow-all'] }], []]);
    expect((await agent(node).replay({ proposed: [], deleted: [closing.metadata] })).pairs).toEqual([]);
  }
  await eventually('nothing was written', () => reaches('shop-db', 'server'));
});

test('a staged policy does nothing, and each node tells what it would deny and allow; without the annotation it holds', async () => {
  const path = { resource: 'networkpolicies', namespace: 'other' };
  const policy = (name: string, ingress: string, annotations = '') => `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: ${name}, namespace: other${annotations} }
spec: { podSelector: {}, policyTypes: [Ingress]${ingress} }
---`;
  const stage = (value: string): string => `, annotations: { membrane.io/stage: "${value}" }`;
  const enforce = { metadata: { annotations: { 'membrane.io/stage': null } } };
  const states = (wanted: Record<string, string>) => async (client: ApiClient) => {
    const own = (await client.policies({ namespace: 'other' })).map(({ name, state }) => [name, state]);
    return own.length === Object.keys(wanted).length && own.every(([name = '', state]) => wanted[name] === state);
  };
  const told = async (change: string): Promise<unknown> => {
    for await (const message of agent('node-2').observe({ since: 0 }))
      if (message.kind === 'flow' && message.flow.shadow?.change === change) return message.flow;
    return undefined;
  };
  await cluster.apply(policy('closing', '', stage('true')));
  await cluster.delete({ ...path, name: 'allow-all' });
  await known('one is staged', states({ closing: 'staged' }));
  await eventually('nothing is stopped', () => reaches('other', 'plain'));
  const plain = { source: { pod: 'client' }, destination: { pod: 'plain' } };
  await expect
    .poll(async () => await told('would-drop'), { timeout: 60_000 })
    .toMatchObject({
      ...plain,
      type: 'open',
      shadow: { by: 'policy', reason: 'policy-ingress', policies: ['NetworkPolicy other/closing'] },
    });
  const asked = { from: 'shop-web/client', to: 'other/plain', port: TCP, protocol: 'TCP' } as const;
  expect(await agent('node-2').trace(asked)).toMatchObject({ verdict: 'allowed', staged: { verdict: 'denied' } });
  await cluster.patch({ ...path, name: 'closing' }, enforce);
  await cluster.apply(policy('opening', ', ingress: [{}]', stage('true')));
  await known('it is enforced', states({ closing: 'applied', opening: 'staged' }));
  await eventually('it holds', async () => !(await reaches('other', 'plain')));
  await expect
    .poll(async () => await told('would-allow'), { timeout: 60_000 })
    .toMatchObject({
      ...plain,
      type: 'drop',
      shadow: { by: 'policy', reason: 'policy-ingress', policies: ['NetworkPolicy other/opening'] },
    });
  const counted = /^membrane_policy_staged_verdicts_total\{change="would-(drop|allow)"\} [1-9]/gm;
  await eventually('both are counted', async () => (await agent('node-2').metrics()).match(counted)?.length === 2);
  await cluster.patch({ ...path, name: 'opening' }, { metadata: { annotations: { 'membrane.io/stage': 'no' } } });
  await known('nobody knows', states({ closing: 'applied', opening: 'unreadable' }));
  await cluster.delete({ ...path, name: 'closing' });
  await known('it is alone', states({ opening: 'unreadable' }));
  expect(await reaches('other', 'plain'), 'it isolates and admits nobody').toBe(false);
  await cluster.apply(allowAll('other'));
  await cluster.delete({ ...path, name: 'opening' });
  await eventually('as it was', () => reaches('other', 'plain'));
});

const kindOf = (object: unknown): unknown => (object as { kind?: unknown } | undefined)?.kind;

test('a Tenant that observes stops nothing, and each node tells what it would; one that warns says so; enforcing ends it', async () => {
  await cluster.apply(tenant('shop', '{ prefix: shop- }', ', mode: Observe'));
  await known('shop observes', has('shop', 'shop-db', 'shop-web'));
  await reachesOnly(...EVERYBODY.map(([, name]) => name));
  const wouldDrop = async (node: string): Promise<string[]> => {
    const found = new Set<string>();
    for await (const message of agent(node).observe({ since: 0, filter: { type: ['open'] } })) {
      if (message.kind !== 'flow' || message.flow.shadow === undefined) continue;
      expect(message.flow.shadow).toMatchObject({ change: 'would-drop', by: 'tenant', reason: 'tenant-boundary' });
      found.add(`${message.flow.source.pod} ${message.flow.destination.pod}`);
    }
    return [...found].sort();
  };
  const counted = async (node: string): Promise<boolean> =>
    /^membrane_tenant_would_drop_total\{reason="tenant-boundary"\} [1-9]/m.test(await agent(node).metrics());
  for (const [node, others] of [
    ['node-1', ['client far', 'client near', 'client plain']],
    ['node-2', ['client far', 'client plain']],
  ] as const) {
    await eventually(`${node} tells of ${others.join()}`, async () => (await wouldDrop(node)).join() === others.join());
    await eventually(`${node} counts`, async () => await counted(node));
  }
  await cluster.patch({ resource: 'tenants', name: 'shop' }, { spec: { mode: 'Warn' } });
  await eventually('it warns, on itself and where its pods are, and names nobody else', async () => {
    await reaches('other', 'plain');
    const events = (await cluster.list('events')).filter(({ reason }) => reason === 'WouldDrop');
    expect(JSON.stringify(events)).not.toMatch(/billing|other|plain/);
    const on = new Set(
      events.map(({ involvedObject, metadata }) => `${metadata.namespace} ${String(kindOf(involvedObject))}`),
    );
    return on.has('default Tenant') && on.has('shop-web Namespace');
  });
  await cluster.patch({ resource: 'tenants', name: 'shop' }, { spec: { mode: 'Enforce' } });
  await eventually('it enforces', async () => (await whom()).join() === 'server');
});

test('a Tenant is apart from all others although every policy allows everything, and whole within', async () => {
  await cluster.apply(tenant('shop', '{ prefix: shop- }'));
  await known('shop has its namespaces', has('shop', 'shop-db', 'shop-web'));
  await reachesOnly('server');
  expect(await ask(['billing', 'near'], CLIENT).catch(() => false)).toBe(false);
  expect(await ask(['billing', 'near'], ['shop-db', 'server']), 'from another node').toBe(false);
  await eventually('who is in no tenant', () => ask(['billing', 'near'], ['other', 'plain']));
  await expect
    .poll(async () => await agent('node-1').metrics())
    .toMatch(/reason="tenant-boundary",direction="egress"\} [1-9]/);
});

test('labels of pods and namespaces open nothing', async () => {
  const labels = { 'membrane.io/tenant': 'shop', 'kubernetes.io/metadata.name': 'shop-web', app: 'server' };
  await cluster.patch({ resource: 'pods', namespace: 'billing', name: 'near' }, { metadata: { labels } });
  await cluster.patch({ resource: 'namespaces', name: 'billing' }, { metadata: { labels: { tenant: 'shop' } } });
  await reachesOnly('server');
  expect(await ask(['billing', 'near'], ['shop-db', 'server'])).toBe(false);
});

test('a namespace that two claim is closed, for the thief as well, and what else they have is theirs', async () => {
  await cluster.apply(tenant('thief', '{ names: [billing, shop-db] }'));
  await known('it has what nobody else claims', has('thief', 'billing'));
  await reachesOnly();
  expect(await ask(['billing', 'near'], ['shop-db', 'server'])).toBe(false);
  await eventually('within it is whole', () => ask(['billing', 'near'], ['billing', 'far']));
  const { steps } = await agent('node-1').trace({
    from: 'billing/near',
    to: 'shop-db/server',
    port: TCP,
    protocol: 'TCP',
  });
  expect(steps).toMatchObject([
    { drop: 'tenant-closed', reason: expect.stringContaining('claimed by tenants shop, thief') },
  ]);
  await cluster.delete({ resource: 'tenants', name: 'thief' });
  await known('the owner has it back', has('shop', 'shop-db', 'shop-web'));
  await reachesOnly('server');
});

test('a Tenant that is deleted stays until its namespaces are gone or another’s, and they are closed', async () => {
  const spare = `${namespace('spare')}${pod('spare', 'plain', 'node-1', SERVES)}${allowAll('spare')}`;
  await cluster.apply(spare);
  await cluster.waitReady();
  await eventually('it is reached', async () => await ask(['spare', 'plain'], ['other', 'plain']));
  await cluster.apply(tenant('brief', '{ names: [spare] }'));
  const clear = async (): Promise<unknown> =>
    conditionOf(await cluster.get({ resource: 'tenants', name: 'brief' }), 'MembershipClear');
  await eventually('the operator says what it has', async () => (await clear()) === 'True');
  await cluster.delete({ resource: 'tenants', name: 'brief' });
  await eventually('it says that it is closed', async () => (await clear()) === 'False');
  await known(
    'it is closed',
    async (client) => (await client.tenant({ name: 'brief' }))?.namespaces[0]?.closed !== undefined,
  );
  expect(await ask(['spare', 'plain'], ['other', 'plain'])).toBe(false);
  await cluster.apply(tenant('heir', '{ names: [spare] }'));
  const isGone = async () => (await cluster.get({ resource: 'tenants', name: 'brief' })) === undefined;
  await eventually('who left nothing is gone', isGone);
  await known('the heir has it', has('heir', 'spare'));
  expect(await ask(['spare', 'plain'], ['other', 'plain'])).toBe(false);
});

test('what is established ends when its namespace becomes a tenant’s', async () => {
  // Nobody’s, as before: a claim of nothing that exists.
  await cluster.apply(tenant('shop', '{ names: [shop-none] }'));
  await known('shop has nothing', has('shop'));
  const heard = await talkTo(`${await ip('other', 'plain')}:${TCP}`);
  await cluster.apply(tenant('shop', '{ prefix: shop- }'));
  await known('shop has its namespaces', has('shop', 'shop-db', 'shop-web'));
  await endsAt(heard);
});

/** Until nothing more comes while everybody is asked: what had come before may be written down late. */
async function endsAt(...heard: (() => Promise<number>)[]): Promise<void> {
  const counts = async () => (await Promise.all(heard.map(async (count) => await count()))).join();
  await eventually('what is established ends', async () => {
    const before = await counts();
    await reachesOnly('server');
    return (await counts()) === before;
  });
}

/** Ticks that the client hears back, one every 20 ms. */
async function talkTo(place: string): Promise<() => Promise<number>> {
  const file = `/tmp/heard-${place.replaceAll(/[^0-9]/g, '-')}`;
  const talk = `(while echo tick; do sleep 0.02; done | socat - TCP:${place} >${file}) >/dev/null 2>&1 &`;
  const heard = async (): Promise<number> =>
    Number((await cluster.exec(...CLIENT, ['sh', '-c', `wc -l <${file}`], { timeoutMs: 20_000 })).stdout);
  await cluster.exec(...CLIENT, ['sh', '-c', talk], { timeoutMs: 20_000 });
  await eventually(`${place} answers`, async () => (await heard()) > 20);
  return heard;
}

test('what one tenant exports and another imports is open, by the Service and by its pods, and nothing else', async () => {
  await cluster.apply(SERVICE);
  await cluster.apply(tenant('billing', '{ names: [billing] }', EXPORTS));
  await known('billing has its namespace', has('billing', 'billing'));
  // Half of it is nothing.
  await reachesOnly('server');
  await cluster.apply(tenant('shop', '{ prefix: shop- }', IMPORTS));
  await eventually('the import holds', async () => await reaches('billing', 'far'));
  const service = await cluster.get({ resource: 'services', namespace: 'billing', name: 'far' });
  const vip = `${(service?.['spec'] as { clusterIP?: string } | undefined)?.clusterIP ?? ''}:80`;
  await eventually('by the Service', () => askAt(CLIENT, vip));
  await reachesOnly('server', 'far');
  expect(await ask(['billing', 'far'], ['shop-db', 'server']), 'the other way').toBe(false);
  const trace = { from: 'shop-web/client', to: 'billing/far', protocol: 'TCP' } as const;
  expect(await agent('node-1').trace({ ...trace, port: TCP })).toMatchObject({ verdict: 'allowed' });
  expect(await agent('node-1').trace({ ...trace, port: TCP + 1 })).toMatchObject({
    steps: [{ drop: 'tenant-boundary' }],
  });

  const heard = [await talkTo(vip), await talkTo(`${await ip('billing', 'far')}:${TCP}`)];
  await cluster.apply(tenant('billing', '{ names: [billing] }'));
  await known('nothing is shared', async (client) =>
    (await client.tenants()).every(({ sharedRows = 0 }) => sharedRows === 0),
  );
  await endsAt(...heard);
});

/** Answers in the world, at all of its addresses, until the test is over. */
function serveInWorld(): void {
  const [file = '', ...argv] = worldArgv(['socat', `TCP-LISTEN:${TCP},fork,reuseaddr,backlog=64`, 'EXEC:cat']);
  // Together with who serves each connection.
  const { pid } = spawn(file, argv, { stdio: 'ignore', detached: true });
  onTestFinished(() => {
    if (pid !== undefined) process.kill(-pid);
  });
}

test('of the world a Tenant reaches what it lists, and that it; what is taken off the list ends; events have a limit', async () => {
  const [one, other] = [
    { cidr: '198.51.100.0/24', address: '198.51.100.5' },
    { cidr: '203.0.113.0/24', address: '203.0.113.5' },
  ] as const;
  const list = async (cidr: string): Promise<void> => {
    const listed = `, boundary: { world: Listed }, world: { cidrs: [${cidr}] }, limits: { flowEventsPerSecond: 1 }`;
    await cluster.apply(tenant('shop', '{ prefix: shop- }', listed));
    await known(`${cidr} is listed`, async (client) => {
      return (await client.tenant({ name: 'shop' }))?.boundary?.cidrs?.join() === cidr;
    });
  };
  const goesOut = (address: string) => askAt(CLIENT, `${address}:${TCP}`);
  const comesIn = async (address: string): Promise<boolean> => {
    const line = `echo hello | socat -t15 - TCP:${await ip('shop-db', 'server')}:${TCP},bind=${address},connect-timeout=1`;
    return (await cluster.worldExec(['sh', '-c', line], { timeoutMs: 20_000 })).stdout === 'hello\n';
  };
  serveInWorld();
  const bothWays = async (address: string) => await Promise.all([goesOut(address), comesIn(address)]);
  expect(await bothWays(one.address), 'closed').toEqual([false, false]);
  await list(one.cidr);
  const passes = async (address: string): Promise<void> =>
    await eventually(`${address} is reached, and comes in`, async () => (await bothWays(address)).every(Boolean));
  await passes(one.address);
  expect(await bothWays(other.address), 'not listed').toEqual([false, false]);
  const asked = { from: 'shop-web/client', protocol: 'TCP', port: TCP } as const;
  expect(await agent('node-1').trace({ ...asked, to: one.address })).toMatchObject({ verdict: 'allowed' });
  expect(await agent('node-1').trace({ ...asked, to: other.address })).toMatchObject({
    steps: [{ drop: 'tenant-world' }],
  });

  await eventually('what it opens beyond its flow events is counted, and whose it is', async () => {
    await Promise.all([goesOut(one.address), goesOut(one.address), goesOut(one.address)]);
    const { limits = [] } = (await agent('node-1').tenant({ name: 'shop' })) ?? {};
    return limits.some(({ refused, most }) => refused > 0 && most?.pod === 'shop-web/client');
  });

  const heard = await talkTo(`${one.address}:${TCP}`);
  await list(other.cidr);
  await endsAt(heard);
  await eventually('it is not listed any more', async () => !(await bothWays(one.address)).some(Boolean));
  await passes(other.address);
  await cluster.apply(tenant('shop', '{ prefix: shop- }'));
  await known('it is closed', async (client) => (await client.tenant({ name: 'shop' }))?.boundary?.world === 'Closed');
});

test('the floor holds while no agent lives', async () => {
  for (const node of ['node-1', 'node-2']) await cluster.killAgent(node);
  await reachesOnly('server');
});

test.each([
  ['names and prefix of nothing', tenant('bad', '{}')],
  ['an empty prefix', tenant('bad', '{ prefix: "" }')],
  ['a label', tenant('bad', '{ selector: {} }')],
  ['the name of the system', tenant('system', '{ prefix: x- }')],
  ['a name that is no namespace’s', tenant('bad', '{ names: [Shop_Web] }')],
])('the API refuses %s', async (_what, manifest) => {
  await expect(cluster.apply(manifest)).rejects.toThrow();
});
