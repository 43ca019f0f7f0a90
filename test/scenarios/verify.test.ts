import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiClient, apiClient, type VerifyView } from '../../src/api/index.ts';
import { linesOf } from '../../src/cli/commands/verify.ts';
import {
  affinityMap,
  ipcacheMap,
  KernelEndpointWords,
  KernelTenantRows,
  MapSet,
  policyMaps,
  serviceMaps,
  tenantSharesMap,
} from '../../src/datapath/index.ts';
import { backendRow, shareRow } from '../../src/datapath/maps/testkit.ts';
import type { TenantStatus } from '../../src/kube/index.ts';
import { endpointId, identityId, ruleId } from '../../src/model/index.ts';
import { Prefix, parseAddr } from '../../src/net/index.ts';
import { SandboxCluster } from '../../src/sandbox/cluster/cluster.ts';
import { waitForMachine } from '../../src/sandbox/testkit.ts';
import { eventually } from './services/eventually.ts';

const TCP = 8080;
const SERVES = `exec socat TCP-LISTEN:${TCP},fork,reuseaddr,backlog=64 EXEC:cat`;
const IDLES = 'exec sleep infinity';

const namespace = (name: string, labels = '{}'): string => `
apiVersion: v1
kind: Namespace
metadata: { name: ${name}, labels: ${labels} }
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

const policy = (own: string, spec: string): string => `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: template, namespace: ${own} }
spec: ${spec}
---`;

const WEB = `
apiVersion: v1
kind: Service
metadata: { name: web, namespace: red-all }
spec: { selector: { app: server }, sessionAffinity: ClientIP, ports: [{ port: 80, targetPort: ${TCP} }] }
---`;

/** How tenants are made of policies elsewhere, each with its hole; `blue` is somebody else. */
const SHAPES = [
  {
    what: 'a list of two peers where one was meant',
    own: 'red-list',
    node: 'node-1',
    // The dash before podSelector makes "or" of "and".
    spec: '{ podSelector: {}, ingress: [{ from: [{ namespaceSelector: {} }, { podSelector: { matchLabels: { app: front } } }] }] }',
    labels: undefined,
  },
  {
    what: 'an ingress of the whole cluster',
    own: 'red-cluster',
    node: 'node-2',
    spec: `{ podSelector: {}, ingress: [{ from: [{ namespaceSelector: {} }], ports: [{ port: ${TCP} }] }] }`,
    labels: undefined,
  },
  {
    what: 'the tenant’s own policy that allows everything',
    own: 'red-all',
    node: 'node-1',
    spec: '{ podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}] }',
    labels: undefined,
  },
  {
    what: 'a label that somebody gives to himself',
    own: 'red-label',
    node: 'node-2',
    spec: '{ podSelector: {}, ingress: [{ from: [{ namespaceSelector: { matchLabels: { tenant: red } } }] }] }',
    labels: { tenant: 'red' },
  },
] as const;

/** Allows everything, and whom no policy of its own can. */
const BLUES = `{ podSelector: {}, policyTypes: [Egress], egress: [{}, { to: [{ namespaceSelector: {
  matchLabels: { kubernetes.io/metadata.name: red-all } } }] }] }`;

const cluster = new SandboxCluster();
let isUp = false;

const agent = (node: string): ApiClient => apiClient({ socketPath: join(cluster.node(node).agentDir, 'admin.sock') });

beforeAll(async () => {
  await waitForMachine();
  await cluster.up({ nodes: 2, dns: false });
  isUp = true;
  await cluster.apply(
    [
      namespace('blue'),
      namespace('red-closed', '{ tenant: red }'),
      pod('red-closed', 'server', 'node-1', SERVES),
      policy('red-closed', '{ podSelector: {}, policyTypes: [Ingress] }'),
      pod('blue', 'client', 'node-1', IDLES),
      ...SHAPES.flatMap(({ own, node, spec }) => [
        namespace(own, '{ tenant: red }'),
        pod(own, 'server', node, SERVES),
        policy(own, spec),
      ]),
      WEB,
    ].join(''),
  );
  await cluster.waitReady();
});

afterAll(async () => {
  if (isUp) await cluster.down();
});

async function ip(own: string, name: string): Promise<string> {
  const found = await cluster.get({ resource: 'pods', namespace: own, name });
  return (found?.['status'] as { podIP?: string } | undefined)?.podIP ?? '';
}

async function reaches(own: string): Promise<boolean> {
  const line = `echo hello | socat -t15 - TCP:${await ip(own, 'server')}:${TCP},connect-timeout=1`;
  return (await cluster.exec('blue', 'client', ['sh', '-c', line], { timeoutMs: 20_000 })).stdout === 'hello\n';
}

const verify = async (own: string): Promise<VerifyView> =>
  await agent('node-1').verify({ from: 'blue/client', to: `${own}/server` });

describe('without Tenants the shapes of public templates leak', () => {
  test.each(SHAPES)('$what', async ({ own, labels }) => {
    if (labels !== undefined) {
      expect(await reaches(own), 'before it gives itself the label').toBe(false);
      await eventually('it is proved', async () => (await verify(own)).asked?.reached.length === 0);
      await cluster.patch({ resource: 'namespaces', name: 'blue' }, { metadata: { labels } });
    }
    await eventually('the packet passes', async () => await reaches(own));
    let view = await verify(own);
    await eventually('the kernel does what was written', async () => {
      view = await verify(own);
      return view.differences.length === 0 && view.asked?.reached.length === 1;
    });
    expect(view.good).toBe(false);
    expect(view.asked?.reached).toMatchObject([
      { packet: { from: await ip('blue', 'client'), to: await ip(own, 'server'), claimed: 'passes', sent: 'passed' } },
    ]);
    expect(linesOf(view).join('\n')).toMatch(
      /server is reached from blue\/client:\n.*TCP[^]*because[^]*sent through the programs: passed/,
    );
  });
});

describe('with Tenants the floor holds, whatever the policies say', () => {
  beforeAll(async () => {
    const tenant = (name: string, claims: string): string => `
apiVersion: membrane.io/v1alpha1
kind: Tenant
metadata: { name: ${name} }
spec: { namespaces: ${claims} }
---`;
    await cluster.apply(
      policy('blue', BLUES) + tenant('red', '{ prefix: red- }') + tenant('blue', '{ names: [blue] }'),
    );
    for (const node of ['node-1', 'node-2']) {
      await eventually(`${node} knows both`, async () => {
        const { pairs } = await agent(node).verify({});
        return (
          pairs.filter(({ from, to, standing }) => standing === 'isolated' && [from, to].sort().join() === 'blue,red')
            .length === 2
        );
      });
    }
  });

  test.each(SHAPES)('$what', async ({ own }) => {
    expect(await reaches(own)).toBe(false);
    expect((await verify(own)).asked?.reached).toEqual([]);
    await expect.poll(async () => await verify(own)).toMatchObject({ good: true, differences: [] });
  });
});

/** Somebody with root on the node writes into its maps. */
async function plant<T>(node: string, write: (maps: MapSet) => Promise<T> | T): Promise<T> {
  const maps = new MapSet({ pinDir: cluster.node(node).pinDir, sizes: {} });
  try {
    return await write(maps);
  } finally {
    maps.close();
  }
}

describe('what somebody writes into the kernel', () => {
  const identityOf = async (own: string, name: string): Promise<number> =>
    (await agent('node-1').endpoint({ namespace: own, pod: name })).identity ?? 0;

  /** Written and undone around a look: an agent puts some of it right by itself. */
  async function alarm(
    matching: (one: VerifyView['differences'][number]) => boolean,
    write: (maps: MapSet) => Promise<() => void>,
  ): Promise<VerifyView['differences'][number]> {
    let found: VerifyView['differences'][number] | undefined;
    await eventually('the alarm', async () => {
      const view = await plant('node-1', async (maps) => {
        const undo = await write(maps);
        try {
          return await agent('node-1').verify({});
        } finally {
          undo();
        }
      });
      found = view.differences.find(matching);
      expect(view.good).toBe(false);
      return found !== undefined;
    });
    await eventually('all is well without it', async () => (await agent('node-1').verify({})).good);
    if (found === undefined) throw new Error('there was no alarm');
    return found;
  }

  test('a row of policy: the alarm names row, pair and a packet, which does what was claimed', async () => {
    const opener = identityId(await identityOf('red-all', 'server'));
    const { id } = await agent('node-1').endpoint({ namespace: 'red-closed', pod: 'server' });
    const found = await alarm(
      ({ layer }) => layer === 'policy',
      async (maps) => {
        const { rows, peers, revisions } = policyMaps(maps);
        const words = KernelEndpointWords.of(maps.get('endpoint_words'));
        const word = words.get(endpointId(id));
        words.close();
        const table = word && revisions.get(word.revision)?.[0];
        if (table === undefined) throw new Error('the pod has no table');
        const key = { prefixlen: 96, table, group: 77, protocol: 6, port: TCP };
        rows.set(key, { precedence: 1, rule: ruleId(0), proxyPort: 0, verdict: 'allow' });
        peers.set({ table, peer: opener }, 77);
        return () => {
          peers.delete({ table, peer: opener });
          rows.delete(key);
        };
      },
    );
    expect(found).toMatchObject({
      effect: 'opens',
      direction: 'ingress',
      from: `red-all/server (identity ${opener})`,
      to: expect.stringMatching(/^red-closed\/server /),
      packets: `TCP ${TCP}`,
      rows: [expect.stringMatching(/group 77, TCP 8080: allow/)],
      meant: [expect.stringContaining('NetworkPolicy red-closed/template')],
      packet: {
        from: await ip('red-all', 'server'),
        to: await ip('red-closed', 'server'),
        claimed: 'passes',
        sent: 'passed',
      },
    });
  });

  test('a row that says whose an identity is', async () => {
    const [blue, red] = [await identityOf('blue', 'client'), await identityOf('red-all', 'server')].map(identityId);
    const found = await alarm(
      ({ layer, effect }) => layer === 'floor' && effect === 'opens',
      async (maps) => {
        const rows = KernelTenantRows.of(maps.get('tenants'));
        const before = rows.get(blue ?? identityId(0));
        rows.set(blue ?? identityId(0), rows.get(red ?? identityId(0)));
        return () => {
          rows.set(blue ?? identityId(0), before);
          rows.close();
        };
      },
    );
    expect(found.rows).toContainEqual(expect.stringContaining(`tenants row: identity ${blue} is 0x`));
    expect(found.meant).toEqual(['tenant-boundary']);
    expect(found.packet?.sent).toBe(found.packet?.claimed === 'passes' ? 'passed' : 'dropped');
  });

  test('a share that nobody exports', async () => {
    const [opener, responder] = [await identityOf('blue', 'client'), await identityOf('red-all', 'server')].map(
      identityId,
    );
    const key = { opener: opener ?? identityId(0), responder: responder ?? identityId(0), port: TCP, protocol: 6 };
    const found = await alarm(
      ({ layer }) => layer === 'sharing',
      async (maps) => {
        const shares = tenantSharesMap(maps);
        shares.set(key, shareRow());
        return () => void shares.delete(key);
      },
    );
    expect(found).toMatchObject({
      effect: 'opens',
      packets: `TCP ${TCP}`,
      packet: { claimed: 'passes', sent: 'passed' },
    });
  });

  test('is said on the Tenant with the packet, until it is proved again', async () => {
    const status = async () => {
      const found = await cluster.get({ resource: 'tenants', name: 'red' });
      return found?.['status'] as TenantStatus | undefined;
    };
    // What was planted before may be told of a moment longer: of one status, both.
    const isProved = async () => {
      const { enforced, conditions = [] } = (await status()) ?? {};
      return enforced === '2/2' && conditions.find(({ type }) => type === 'Isolated')?.status === 'True';
    };
    await eventually('it is proved on both nodes', isProved);
    const [opener, responder] = [await identityOf('blue', 'client'), await identityOf('red-all', 'server')].map(
      identityId,
    );
    const key = { opener: opener ?? identityId(0), responder: responder ?? identityId(0), port: TCP, protocol: 6 };
    await plant('node-1', async (maps) => {
      const shares = tenantSharesMap(maps);
      await eventually('it is found', async () => {
        shares.set(key, shareRow());
        return !(await agent('node-1').verify({})).good;
      });
      const passed = `TCP ${TCP} from ${await ip('blue', 'client')} to ${await ip('red-all', 'server')} passed`;
      // Of one status: it is proved again soon.
      await eventually('it is said, and how many nodes enforce', async () => {
        shares.set(key, shareRow());
        const { enforced, conditions = [] } = (await status()) ?? {};
        const found = conditions.find(({ type }) => type === 'Isolated');
        return enforced === '1/2' && found?.status === 'False' && found.message.includes(passed);
      });
      shares.delete(key);
    });
    await eventually('all is well', async () => (await agent('node-1').verify({})).good);
    await eventually('it is proved on both nodes again', isProved);
  });

  test('and on policies what the floor takes from them, to whoever wrote them', async () => {
    const said = async (own: string): Promise<string[]> => {
      const items: readonly object[] = await cluster.list('events', own);
      const events = items as { reason?: string; message?: string; involvedObject?: { kind: string; name: string } }[];
      return events
        .filter(({ reason }) => reason === 'NoEffectBeyondTenant')
        .map(
          ({ involvedObject, message }) => `${involvedObject?.kind}/${involvedObject?.name} ${message?.split(',')[0]}`,
        );
    };
    const everybody = 'NetworkPolicy/template spec.egress[0] has no effect beyond tenant blue';
    const reds = 'NetworkPolicy/template spec.egress[1].to[0] has no effect: it selects no namespace of tenant blue';
    await eventually('blue is told', async () => (await said('blue')).sort().join() === [everybody, reds].join());
    await eventually('red is told', async () => (await said('red-all')).length === 2);
    expect((await said('blue')).join()).not.toContain('red');
    expect(await said('red-label')).toEqual([]);
    const count = async (name: string) =>
      ((await cluster.get({ resource: 'tenants', name }))?.['status'] as TenantStatus | undefined)?.ineffectiveRules;
    await eventually('how many', async () => (await count('blue')) === 1 && (await count('red')) === 0);
  });

  test('whose an address is', async () => {
    const addr = await ip('red-label', 'server');
    const found = await alarm(
      ({ layer }) => layer === 'who',
      async (maps) => {
        const rows = ipcacheMap(maps);
        const prefix = Prefix.host(parseAddr(addr));
        const before = rows.get(prefix);
        if (before === undefined) throw new Error('it has no row');
        rows.set(prefix, { ...before, identity: identityId(60_000) });
        return () => rows.set(prefix, before);
      },
    );
    expect(found.rows[0]).toMatch(`ipcache row: ${addr}/32 is identity 60000`);
  });

  describe('where a frontend leads', () => {
    /** No number that was given out. */
    const PLANTED = 0xffff_fff0;
    const ofServices = (effect: string) => (one: VerifyView['differences'][number]) =>
      one.layer === 'services' && one.effect === effect;
    let addr = '';

    /** Rows of the Service as they are. */
    const rowsOf = (maps: MapSet) => {
      const { services, slots, backends } = serviceMaps(maps);
      const key = { addr: parseAddr(addr), port: 80, protocol: 6, scope: 'inside' as const };
      const value = services.get(key);
      if (value?.count !== 1) throw new Error('the Service is not served by one pod');
      return { services, slots, backends, key, value };
    };

    /** One slot more, which leads to that pod. */
    const leadTo = (pod: string) => async (maps: MapSet) => {
      const { services, slots, backends, key, value } = rowsOf(maps);
      const slot = { revision: value.revision, slot: 1 };
      backends.set(PLANTED, backendRow({ addr: parseAddr(pod), port: TCP, protocol: 6 }));
      slots.set(slot, { backend: PLANTED });
      services.set(key, { ...value, count: 2 });
      return () => {
        services.set(key, value);
        slots.delete(slot);
        backends.delete(PLANTED);
      };
    };

    beforeAll(async () => {
      await eventually('it is served', async () => {
        const found = await cluster.get({ resource: 'services', namespace: 'red-all', name: 'web' });
        addr = (found?.['spec'] as { clusterIP?: string } | undefined)?.clusterIP ?? '';
        return await plant('node-1', (maps) => rowsOf(maps).value.count === 1);
      });
    });

    test('to a pod of another tenant: which the floor holds back, and the packet says so', async () => {
      const blue = await ip('blue', 'client');
      const found = await alarm(ofServices('opens'), leadTo(blue));
      expect(found).toMatchObject({
        from: `service red-all/web at ${addr}:80`,
        to: expect.stringMatching(/^blue\/client /),
        packets: 'TCP 80',
        fromTenant: 'red',
        toTenant: 'blue',
        rows: [
          expect.stringContaining(`services row: TCP ${addr}:80 (inside) leads to set `),
          expect.stringContaining(`backends row ${PLANTED}: TCP ${blue}:${TCP}`),
        ],
        meant: [`red-all/web leads to ${await ip('red-all', 'server')}:${TCP}`],
        packet: {
          to: addr,
          port: 80,
          backend: `${blue}:${TCP}`,
          claimed: 'dropped',
          sent: 'dropped',
          detail: 'tenant-boundary',
        },
      });
    });

    test('to a pod that the client may reach: the packet comes there', async () => {
      const other = await ip('red-list', 'server');
      const found = await alarm(ofServices('opens'), leadTo(other));
      expect(found).toMatchObject({ packet: { backend: `${other}:${TCP}`, claimed: 'passes', sent: 'passed' } });
    });

    test('to a pod of another tenant, while all pods but one may send nothing: that one’s packet is tried', async () => {
      const blue = await ip('blue', 'client');
      const reds = await Promise.all(
        ['red-closed', 'red-list', 'red-all'].map((own) => agent('node-1').endpoint({ namespace: own, pod: 'server' })),
      );
      for (const { id: sender } of reds) {
        const found = await alarm(ofServices('opens'), async (maps) => {
          const words = KernelEndpointWords.of(maps.get('endpoint_words'));
          const others = reds.flatMap(({ id }) => (id === sender ? [] : [endpointId(id)]));
          const kept = others.map((id) => [id, words.get(id)] as const);
          for (const id of others) words.clear(id);
          const undo = await leadTo(blue)(maps);
          return () => {
            undo();
            for (const [id, word] of kept) if (word !== undefined) words.set(id, word);
            words.close();
          };
        });
        expect(found.packet).toMatchObject({ backend: `${blue}:${TCP}`, sent: 'dropped', detail: 'tenant-boundary' });
      }
    });

    test('to nobody any more', async () => {
      const found = await alarm(ofServices('closes'), async (maps) => {
        const { services, key, value } = rowsOf(maps);
        services.delete(key);
        return () => services.set(key, value);
      });
      expect(found).toMatchObject({
        rows: [`no services row of TCP ${addr}:80 (inside)`],
        packet: { to: addr, claimed: 'dropped', sent: 'dropped' },
      });
    });

    test('where no Service has one', async () => {
      const found = await alarm(ofServices('opens'), async (maps) => {
        const { services, key, value } = rowsOf(maps);
        services.set({ ...key, port: 7_777 }, value);
        return () => void services.delete({ ...key, port: 7_777 });
      });
      expect(found).toMatchObject({
        from: `no service at ${addr}:7777`,
        to: expect.stringMatching(/^red-all\/server /),
        toTenant: 'red',
        packet: { to: addr, port: 7_777, claimed: 'passes', sent: 'passed' },
      });
    });

    test('by other rules', async () => {
      const found = await alarm(ofServices('other'), async (maps) => {
        const { services, key, value } = rowsOf(maps);
        services.set(key, { ...value, affinitySeconds: 7 });
        return () => services.set(key, value);
      });
      expect(found.rows).toEqual([expect.stringContaining('affinity of 7 s')]);
      expect(found.meant).toEqual([expect.stringContaining('affinity of 10800 s')]);
    });

    test('a single client, whom it remembers', async () => {
      const [client, blue] = [await ip('red-closed', 'server'), await ip('blue', 'client')];
      const found = await alarm(ofServices('opens'), async (maps) => {
        const { backends, value } = rowsOf(maps);
        const affinity = affinityMap(maps);
        const key = { client: parseAddr(client), service: value.service };
        backends.set(PLANTED, backendRow({ addr: parseAddr(blue), port: TCP, protocol: 6 }));
        affinity.set(key, { used: process.hrtime.bigint(), backend: PLANTED, seconds: 10_800 });
        return () => {
          affinity.delete(key);
          backends.delete(PLANTED);
        };
      });
      expect(found).toMatchObject({
        from: `service red-all/web at ${addr}:80`,
        rows: [expect.stringMatching(`^affinity row: client ${client} of number `), expect.any(String)],
        packet: { from: client, to: addr, backend: `${blue}:${TCP}`, sent: 'dropped', detail: 'tenant-boundary' },
      });
    });
  });
});
