import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { Lifecycle, type NamespacedName, namespacedName, Signal, silentLogger } from '../../base/index.ts';
import { FakeClock } from '../../base/testkit.ts';
import { Intent } from '../../cluster/index.ts';
import { podRow } from '../../cluster/samples.ts';
import { NODE_ENDPOINT_SLICE, NodeSliceObjects } from '../../kube/index.ts';
import { failureOf } from '../../kube/response.ts';
import { EndpointsTeller, type EndpointsTellerOptions } from './endpoints-teller.ts';

type Request = Parameters<ConstructorParameters<typeof NodeSliceObjects>[0]['request']>[0];
type Kept = { metadata: { name: string; uid: string; resourceVersion: string } };

const lifecycles: Lifecycle[] = [];
afterEach(async () => {
  for (const lifecycle of lifecycles.splice(0)) await lifecycle.stop();
});

/** A node with one pod in its own network, and the objects that an API server keeps of it. */
async function scene() {
  const intent = new Intent();
  const clock = new FakeClock();
  const kept = new Map<string, Kept>();
  let version = 0;
  let fault: (() => unknown) | undefined;
  const writes: string[] = [];
  const refuse = (httpStatus: number, what: string): never => {
    throw failureOf({ code: httpStatus, message: `says ${httpStatus}` }, { httpStatus, what });
  };
  const put = (body: unknown): Kept => {
    version += 1;
    const { metadata, ...rest } = body as Kept;
    const object = { ...rest, metadata: { ...metadata, uid: 'u', resourceVersion: String(version) } };
    kept.set(metadata.name, object);
    return object;
  };
  const answer = async ({ method, path, body }: Request): Promise<unknown> => {
    writes.push(method);
    if (fault !== undefined) return fault();
    const name = path.split('/').at(-1) ?? '';
    if (method === 'POST') {
      const { metadata } = body as Kept;
      return kept.has(metadata.name) ? refuse(409, path) : put(body);
    }
    const now = kept.get(name);
    if (now === undefined) return refuse(404, path);
    if (method === 'DELETE') return kept.delete(name);
    return now.metadata.resourceVersion === (body as Kept).metadata.resourceVersion ? put(body) : refuse(409, path);
  };
  const get = async ({ name }: { name: string }): Promise<unknown> => kept.get(name) ?? refuse(404, name);
  const store = new NodeSliceObjects({ request: answer, get });
  const plane = {
    intent,
    cluster: { identities: { rows: { changed: new Signal() } } },
    endpoints: new Map(),
    engine: { converged: true, adopted: new Signal(), identityOf: () => undefined },
    endpointsChanged: new Signal(),
  } as unknown as EndpointsTellerOptions['plane'];
  const teller = new EndpointsTeller({ store, plane, node: 'node-1', clock, log: silentLogger });
  const lifecycle = new Lifecycle({ log: silentLogger });
  lifecycles.push(lifecycle);
  await lifecycle.start(teller);
  const addresses = { addresses: ['192.0.2.1'], podCIDRs: [], labels: {} };
  const node = { uid: 'n', namespace: '', name: 'node-1', ...addresses };
  intent.nodes.apply({ upserts: [node], deletes: [], synced: true });
  const pod = (name: string): void => intent.pods.set(podRow(name, {}, { hostNetwork: true, nodeName: 'node-1' }));
  /** Time passes, in steps that are shorter than any pause. */
  const pass = async (ms: number): Promise<void> => {
    for (let gone = 0; gone < ms; gone += 50) {
      await clock.advance(50);
      await setImmediate();
    }
  };
  const told = (): readonly NamespacedName[] =>
    Array.from(kept.values()).flatMap((object) => NODE_ENDPOINT_SLICE.parse(object).endpoints.map(namespacedName));
  const setFault = (to: (() => unknown) | undefined): void => void (fault = to);
  pod('first');
  await pass(200);
  return { teller, intent, pod, pass, told, writes, kept, put, setFault, refuse, clock };
}

const FAULTS: readonly (readonly [string, string, (refuse: (code: number, what: string) => never) => unknown])[] = [
  ['401', 'E_KUBE_UNAUTHORIZED', (refuse) => refuse(401, 'it')],
  ['403', 'E_KUBE_FORBIDDEN', (refuse) => refuse(403, 'it')],
  ['409', 'E_KUBE_CONFLICT', (refuse) => refuse(409, 'it')],
  ['422', 'E_KUBE_OTHER_KIND', (refuse) => refuse(422, 'it')],
  ['429', 'E_KUBE_SERVER', (refuse) => refuse(429, 'it')],
  ['500', 'E_KUBE_SERVER', (refuse) => refuse(500, 'it')],
  ['an object of nothing', 'E_KUBE_OTHER_KIND', () => ({})],
  ['a text', 'E_KUBE_OTHER_KIND', () => 'welcome'],
];

describe('what a node tells of its pods', () => {
  it('is told once', async () => {
    const { told, teller, writes, pass } = await scene();
    await pass(1_000);
    expect([told(), teller.problem, writes]).toEqual([['shop/first'], undefined, ['POST']]);
  });

  it('is told within moments, also right after a look at what is not to be told', async () => {
    const { told, intent, clock, pod } = await scene();
    intent.pods.set(podRow('not-there-yet', {}, { nodeName: 'node-1' }));
    await clock.advance(1);
    pod('second');
    await clock.advance(15);
    expect(told().toSorted()).toEqual(['shop/first', 'shop/second']);
  });

  it('is told ten times a second at most, but for the first few', async () => {
    const { told, writes, clock, pod } = await scene();
    writes.length = 0;
    for (let i = 0; i < 40; i += 1) {
      pod(`pod-${i}`);
      await clock.advance(50);
    }
    expect(writes.length).toBeGreaterThan(20);
    expect(writes.length).toBeLessThanOrEqual(20 + 4);
    await clock.advance(100);
    expect(told()).toHaveLength(41);
  });

  it.each(FAULTS)(
    'is told when a server is well again that answers %s, which is said meanwhile',
    async (_n, code, fault) => {
      const { told, teller, writes, pass, pod, setFault, refuse } = await scene();
      setFault(() => fault(refuse));
      pod('second');
      await pass(60_000);
      expect(teller.problem).toContain(code);
      expect(told()).toEqual(['shop/first']);
      // A server that cannot is not asked ten times a second.
      expect(writes.length).toBeLessThan(30);
      setFault(undefined);
      await pass(30_000);
      expect([told().toSorted(), teller.problem]).toEqual([['shop/first', 'shop/second'], undefined]);
    },
  );

  it('is put right where somebody else wrote it, and takes the version that is there', async () => {
    const { told, pod, pass, put, kept, teller } = await scene();
    const [[, object] = expect.fail()] = kept;
    put({ ...object, spec: { node: 'node-1', slice: 0, endpoints: [] } });
    pod('second');
    await pass(2_000);
    expect([told().toSorted(), teller.problem]).toEqual([['shop/first', 'shop/second'], undefined]);
  });

  it('is made again where it was deleted', async () => {
    const { told, pod, pass, kept } = await scene();
    kept.clear();
    pod('second');
    await pass(2_000);
    expect(told().toSorted()).toEqual(['shop/first', 'shop/second']);
  });

  it('is nothing where the kind is not there, which is said', async () => {
    const { teller, pod, pass, kept, setFault, refuse, writes } = await scene();
    kept.clear();
    setFault(() => refuse(404, 'nodeendpointslices'));
    pod('second');
    await pass(60_000);
    expect(teller.problem).toContain('E_KUBE_NO_KIND');
    expect(writes.length).toBeLessThan(30);
  });
});
