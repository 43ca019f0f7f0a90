import { describe, expect, it } from 'vitest';
import { type Logger, silentLogger } from '../../base/index.ts';
import { FakeClock } from '../../base/testkit.ts';
import { namespaceRow, onlyFrom, podRow, policyRow } from '../../cluster/samples.ts';
import { type PolicyKey, type PolicyObject, policyKey } from '../../model/index.ts';
import { FakeKernel, fakeNode, LIMITS } from '../../plane/testkit.ts';
import { policyView } from './policies.ts';
import { PolicyLog } from './policy-log.ts';
import { policyStanding } from './policy-standing.ts';

type Line = readonly [level: string, message: string, fields: Record<string, unknown>];

/** A node with the pods shop/web and shop/client, and what its log says of policies. */
async function told(room?: number) {
  const node = await fakeNode(new FakeKernel(room), { limits: { ...LIMITS, table: 512 } });
  const pods = ['web', 'client'].map((name) => podRow(name, { app: name }));
  node.put(node.intent.namespaces, namespaceRow('shop'));
  node.put(node.intent.pods, ...pods);
  for (const [index, pod] of pods.entries()) node.connect(index + 1, pod);
  node.sync();
  await node.settle();
  const lines: Line[] = [];
  const at = (level: string) => (fields: unknown, message?: unknown) => {
    lines.push([level, String(message), { ...(fields as object) }]);
  };
  const log: Logger = { ...silentLogger, info: at('info'), warn: at('warn') };
  let busy = false;
  const { policies, repository, installer, endpoints, engine, intent } = node;
  const views = (keys: ReadonlySet<PolicyKey>) => {
    const identityOf = engine.identityOf.bind(engine);
    const context = {
      ...policyStanding({ endpoints: endpoints.values(), identityOf, repository, installer, policies, intent }),
      repository,
      problems: policies.problems,
      takenUpAt: (key: PolicyKey) => policies.takenUpAt(key),
      converged: engine.converged,
    };
    const rows = Array.from(keys).flatMap((key) => intent.policies.get(key) ?? []);
    return new Map(rows.map((row) => [policyKey(row), policyView(row, context)]));
  };
  const told = new PolicyLog({
    takeChanges: policies.followChanges(),
    standing: views,
    isBusy: () => busy,
    clock: new FakeClock(),
    log,
  });
  return {
    ...node,
    put: (...rows: PolicyObject[]) => node.put(intent.policies, ...rows),
    drop: (...rows: PolicyObject[]) => node.drop(intent.policies, ...rows),
    keepBusy: (is: boolean) => {
      busy = is;
    },
    /** What is said when it looks now. */
    look: (): Line[] => {
      told.look();
      return lines.splice(0);
    },
  };
}

describe('PolicyLog', () => {
  it('says of a policy that came, changed and went what became of it, and since when', async () => {
    const node = await told();
    expect(node.look()).toEqual([]);
    node.put(onlyFrom('web', 'web', 'client'));
    await node.settle();
    const policy = 'NetworkPolicy shop/web';
    const since = new Date(node.clock.now()).toISOString();
    expect(node.look()).toEqual([['info', 'policy is in force', { policy, since, endpoints: 1 }]]);
    expect(node.look(), 'once').toEqual([]);
    await node.clock.advance(60_000);
    node.put(policyRow('web', { podSelector: {}, ingress: [{ from: [{ podSelector: { wrong: 1 } }] }] }));
    await node.settle();
    expect(node.look()).toMatchObject([
      [
        'info',
        'policy is in force but for what cannot be read',
        { policy, endpoints: 2, detail: expect.stringMatching(/wrong/) },
      ],
    ]);
    node.drop(policyRow('web', {}));
    await node.settle();
    expect(node.look()).toEqual([['info', 'policy is gone', { policy }]]);
  });

  it('says of a policy that does not fit that it is not wholly in force, and later that it is', async () => {
    const node = await told(64);
    const ports = Array.from({ length: 100 }, (_, n) => ({ port: 1 + 2 * n }));
    node.put(policyRow('large', { podSelector: { matchLabels: { app: 'web' } }, ingress: [{ ports }] }));
    await node.settle();
    expect(node.look()).toMatchObject([
      ['warn', 'policy is not wholly in force', { detail: expect.stringMatching(/policy maps are full/) }],
    ]);
    node.put(policyRow('large', { podSelector: { matchLabels: { app: 'web' } }, ingress: [{ ports: [{ port: 1 }] }] }));
    await node.settle();
    expect(node.look()).toMatchObject([['info', 'policy is in force', {}]]);
  });

  it('waits until what is decided has reached the kernel, but not for good', async () => {
    const node = await told();
    node.keepBusy(true);
    node.put(onlyFrom('web', 'web'));
    await node.settle();
    const looks = Array.from({ length: 11 }, () => node.look().length);
    expect(looks).toEqual([...Array.from({ length: 10 }, () => 0), 1]);
  });

  it('sums up a flood', async () => {
    const node = await told();
    node.put(
      ...Array.from({ length: 500 }, (_, n) => policyRow(`p${n}`, { podSelector: { matchLabels: { n: 'x' } } })),
    );
    await node.settle();
    const lines = node.look();
    expect(lines).toHaveLength(21);
    expect(lines.at(-1)).toEqual(['info', 'more policies changed', { applied: 480 }]);
  });
});
