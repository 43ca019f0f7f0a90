import { describe, expect, test } from 'vitest';
import { CidrIdentities, RESERVED_IDS } from '../../identity/index.ts';
import { samplePod } from '../../identity/samples.ts';
import { type IdentityId, identityId, labelMap, labelSelector } from '../../model/index.ts';
import { rowsOf } from '../../model/testkit.ts';
import { sampleEntry, sampleKey, selectBlock, selectPods, tcp } from '../samples.ts';
import { PolicyRepository } from './repository.ts';

const WEB = samplePod(256);
const DB = samplePod(257, { app: 'db' });
const CLI = samplePod(258, { namespace: 'office', app: 'cli' });

function make(...identities: ReturnType<typeof samplePod>[]) {
  const repository = new PolicyRepository({ allowLocalhost: 'policy' });
  for (const identity of identities) repository.upsertIdentity(identity);
  repository.drainDirty();
  return repository;
}

const ingress = (repository: PolicyRepository, id: IdentityId) =>
  rowsOf(repository.tablesFor(id).ingress, 'ingress').map(({ peer, protocol, port }) => `${peer} ${protocol}:${port}`);

/** Rule sets whose peers changed, as `direction: peers`. */
const changes = (repository: PolicyRepository) =>
  Array.from(
    repository.drainChanged(),
    ({ direction, changed }) => `${direction}: ${[...changed].sort((a, b) => a - b).join()}`,
  );

const webFromDb = sampleEntry({
  subject: selectPods({ app: 'web' }, 'shop'),
  peers: [selectPods({ app: 'db' })],
  ports: [tcp(80)],
});

describe('dirty subjects', () => {
  test('a policy marks those it selects, before and after', () => {
    const repository = make(WEB, DB, CLI);
    repository.upsertPolicy(sampleKey('a'), [webFromDb]);
    expect(repository.drainDirty()).toEqual(new Set([256]));
    expect(repository.drainDirty()).toEqual(new Set());
    repository.upsertPolicy(sampleKey('a'), [{ ...webFromDb, subject: selectPods({ app: 'db' }) }]);
    expect(repository.drainDirty()).toEqual(new Set([256, 257]));
    repository.deletePolicy(sampleKey('a'));
    expect(repository.drainDirty()).toEqual(new Set([257]));
    repository.deletePolicy(sampleKey('a'));
    expect(repository.drainDirty()).toEqual(new Set());
  });

  test('a peer changes the rule sets that select it, and is a subject itself', () => {
    const repository = make(WEB);
    repository.upsertPolicy(sampleKey('a'), [webFromDb]);
    repository.rulesOf(WEB.id);
    repository.drainDirty();
    repository.upsertIdentity(DB);
    expect([repository.drainDirty(), changes(repository)]).toEqual([new Set([257]), ['ingress: 257']]);
    repository.upsertIdentity(CLI);
    expect([repository.drainDirty(), changes(repository)]).toEqual([new Set([258]), []]);
    repository.upsertIdentity({ ...DB });
    expect([repository.drainDirty(), changes(repository)]).toEqual([new Set(), []]);
    repository.removeIdentity(DB.id);
    expect([repository.drainDirty(), changes(repository)]).toEqual([new Set(), ['ingress: 257']]);
  });

  test('a number that means another workload now is not what it was', () => {
    const repository = make(WEB, DB);
    repository.upsertPolicy(sampleKey('a'), [webFromDb]);
    expect(ingress(repository, WEB.id)).toEqual(['257 6:80']);
    repository.upsertIdentity(samplePod(257, { app: 'other' }));
    expect(ingress(repository, WEB.id)).toEqual([]);
  });
});

describe('rule sets', () => {
  const all = sampleEntry({ subject: selectPods({}, 'shop'), peers: [selectPods({ app: 'db' })] });

  test('subjects that the same entries select share one, in each direction apart', () => {
    const repository = make(WEB, DB);
    repository.upsertPolicy(sampleKey('a'), [all]);
    repository.upsertPolicy(sampleKey('b'), [{ ...webFromDb, direction: 'egress' }]);
    const [web, db] = [repository.rulesOf(WEB.id), repository.rulesOf(DB.id)];
    expect(web.ingress).toBe(db.ingress);
    expect(web.egress).not.toBe(db.egress);
  });

  test('not where a name of a port means another number', () => {
    const named = (port: number) => ({ namedPorts: [{ name: 'http', protocol: 'TCP' as const, port }] });
    const [one, two] = [samplePod(300, named(80)), samplePod(301, { app: 'two', ...named(81) })];
    const repository = make(one, two);
    repository.upsertPolicy(sampleKey('a'), [all]);
    expect(repository.rulesOf(one.id).ingress).toBe(repository.rulesOf(two.id).ingress);
    repository.upsertPolicy(sampleKey('b'), [{ ...all, ports: [{ protocol: 6, name: 'http' }] }]);
    expect(repository.rulesOf(one.id).ingress).not.toBe(repository.rulesOf(two.id).ingress);
  });

  test('say what holds without a table', () => {
    const repository = make(WEB, DB);
    const open = { floor: 'open', trivial: true };
    expect(repository.rulesOf(WEB.id)).toMatchObject({ ingress: open, egress: open });
    repository.upsertPolicy(sampleKey('a'), [{ ...webFromDb, peers: [] }]);
    expect(repository.rulesOf(WEB.id)).toMatchObject({ ingress: { floor: 'closed', trivial: true }, egress: open });
    repository.upsertPolicy(sampleKey('a'), [webFromDb]);
    expect(repository.rulesOf(WEB.id).ingress).toMatchObject({ floor: 'closed', trivial: false });
    const local = new PolicyRepository();
    local.upsertIdentity(WEB);
    local.upsertPolicy(sampleKey('a'), [webFromDb]);
    expect(local.rulesOf(WEB.id).ingress.floor).toBe('node');
    local.upsertPolicy(sampleKey('a'), [webFromDb, { ...webFromDb, verdict: 'deny' }]);
    expect(local.rulesOf(WEB.id).ingress.floor).toBe('closed');
  });

  test('one that is held follows its peers after its policy has gone, and then leaves nothing', () => {
    const repository = make(WEB);
    repository.upsertPolicy(sampleKey('a'), [
      { ...webFromDb, peers: [selectPods({ app: 'db' }), selectBlock('10.0.0.0/8')] },
    ]);
    const { ingress: set } = repository.rulesOf(WEB.id);
    repository.hold(set);
    repository.deletePolicy(sampleKey('a'));
    repository.upsertIdentity(DB);
    expect(set.changed.has(DB.id)).toBe(true);
    expect([repository.held.prefixes, selectedIn(repository)]).toEqual([1, ['app']]);
    repository.release(set);
    expect([repository.held.prefixes, selectedIn(repository)]).toEqual([0, []]);
  });

  test('nothing stays of what comes and goes', () => {
    const repository = make(WEB, DB);
    const counts = () => [repository.held.sets, repository.held.prefixes, repository.policyCount];
    const before = counts();
    for (let round = 0; round < 2_500; round += 1) {
      const peers = [selectBlock(`10.${round % 250}.0.0/16`), selectPods({ app: `a${round}` })];
      repository.upsertPolicy(sampleKey(`p${round}`), [
        sampleEntry({ subject: selectPods({ app: 'web' }), peers }, `p${round}`),
        sampleEntry({ subject: selectPods({ app: 'db' }), peers, direction: 'egress' }, `p${round}`),
      ]);
      repository.tablesFor(WEB.id);
      repository.tablesFor(DB.id);
      repository.deletePolicy(sampleKey(`p${round}`));
    }
    expect(counts()).toEqual(before);
    expect(repository.held.rules).toBeLessThan(5_000);
  });
});

describe('tables', () => {
  test('are computed once until something changes', () => {
    const repository = make(WEB, DB);
    repository.upsertPolicy(sampleKey('a'), [webFromDb]);
    const { ingress: table } = repository.tablesFor(WEB.id);
    expect(repository.tablesFor(WEB.id).ingress).toBe(table);
    repository.upsertPolicy(sampleKey('a'), [webFromDb]);
    expect(repository.tablesFor(WEB.id).ingress).not.toBe(table);
  });

  test('rules keep their numbers and explain the rows', () => {
    const repository = make(WEB, DB);
    const rule = () => repository.tablesFor(WEB.id).ingress.groups[1]?.[0]?.rule;
    repository.upsertPolicy(sampleKey('a'), [webFromDb]);
    const first = rule();
    expect(first && repository.rules.get(first)).toEqual(webFromDb.origin);
    repository.deletePolicy(sampleKey('a'));
    repository.upsertPolicy(sampleKey('a'), [webFromDb]);
    expect(rule()).toBe(first);
  });

  test('only pods have one', () => {
    const repository = make();
    for (const id of [RESERVED_IDS.host, identityId(999)]) {
      expect(() => repository.tablesFor(id)).toThrow(expect.objectContaining({ code: 'E_POLICY_SUBJECT' }));
    }
  });

  test('follow peers that join or leave', () => {
    const repository = make(WEB);
    repository.upsertPolicy(sampleKey('a'), [webFromDb]);
    expect(ingress(repository, WEB.id)).toEqual([]);
    repository.upsertIdentity(DB);
    repository.upsertIdentity(samplePod(300, { app: 'db', serviceAccount: 'two' }));
    expect(ingress(repository, WEB.id)).toEqual(['257 6:80', '300 6:80']);
    repository.removeIdentity(DB.id);
    expect(ingress(repository, WEB.id)).toEqual(['300 6:80']);
  });

  test('a named port of a joining destination', () => {
    const repository = make(CLI);
    repository.upsertPolicy(sampleKey('a'), [
      sampleEntry({ direction: 'egress', subject: selectPods({ app: 'cli' }), ports: [{ protocol: 6, name: 'http' }] }),
    ]);
    repository.tablesFor(CLI.id);
    repository.upsertIdentity(samplePod(260, { namedPorts: [{ name: 'http', protocol: 'TCP', port: 8080 }] }));
    repository.upsertIdentity(samplePod(261, { namedPorts: [{ name: 'http', protocol: 'UDP', port: 8080 }] }));
    const rows = rowsOf(repository.tablesFor(CLI.id).egress, 'egress');
    expect(rows.map(({ peer, port }) => [peer, port])).toEqual([[260, 8080]]);
  });
});

describe('prefixes', () => {
  const toBlock = (subject: string, ...block: [string, ...string[]]) =>
    sampleEntry({ direction: 'egress', subject: selectPods({ app: subject }), peers: [selectBlock(...block)] });

  test('are counted, excepts included, and go with the last policy', () => {
    const repository = make(WEB, DB);
    repository.upsertPolicy(sampleKey('a'), [toBlock('web', '10.0.0.0/8', '10.1.0.0/16')]);
    repository.upsertPolicy(sampleKey('b'), [toBlock('db', '10.0.0.0/8')]);
    expect(repository.prefixes()).toEqual(
      new Map([
        ['10.0.0.0/8', 2],
        ['10.1.0.0/16', 1],
      ]),
    );
    const id = repository.cidrs.identities()[0]?.id;
    repository.upsertPolicy(sampleKey('a'), [toBlock('web', '10.0.0.0/8')]);
    expect(repository.cidrs.identities().map((identity) => identity.id)).toEqual([id]);
    repository.deletePolicy(sampleKey('a'));
    repository.deletePolicy(sampleKey('b'));
    expect(repository.prefixes().size).toBe(0);
  });

  test('a prefix inside another policy’s block joins there', () => {
    const repository = make(WEB, DB);
    repository.upsertPolicy(sampleKey('a'), [toBlock('web', '10.0.0.0/8', '10.9.0.0/16')]);
    repository.tablesFor(WEB.id);
    repository.drainDirty();
    repository.upsertPolicy(sampleKey('b'), [toBlock('db', '10.1.0.0/16'), toBlock('db', '10.9.9.0/24')]);
    expect(repository.drainDirty()).toEqual(new Set([257]));
    const inside = repository.cidrs.identities().find(({ prefix }) => prefix.toString() === '10.1.0.0/16')?.id;
    expect([...repository.drainChanged()][0]?.changed.has(inside ?? identityId(0))).toBe(true);
    expect([...repository.tablesFor(WEB.id).egress.peers.keys()]).toContain(inside);
    expect(repository.tablesFor(WEB.id).egress.peers.size).toBe(2);
  });

  test('a policy with too many prefixes is refused whole and the last good state goes on', () => {
    const cidrs = new CidrIdentities({ range: { first: 16_777_216, last: 16_777_217 } });
    const repository = new PolicyRepository({ cidrs });
    repository.upsertIdentity(WEB);
    repository.upsertPolicy(sampleKey('a'), [toBlock('web', '10.0.0.0/8')]);
    const { egress: table } = repository.tablesFor(WEB.id);
    const greedy = [toBlock('web', '11.0.0.0/8', '11.1.0.0/16'), toBlock('web', '10.0.0.0/8')];
    expect(() => repository.upsertPolicy(sampleKey('a'), greedy)).toThrow(
      expect.objectContaining({ code: 'E_IDENTITY_EXHAUSTED' }),
    );
    expect(repository.prefixes()).toEqual(new Map([['10.0.0.0/8', 1]]));
    expect(repository.tablesFor(WEB.id).egress).toBe(table);
  });
});

describe('policies of 30,000 blocks', () => {
  const blocks = (subject: string, first: number) =>
    sampleEntry({
      direction: 'egress',
      subject: selectPods({ app: subject }),
      peers: Array.from({ length: 30_000 }, (_, index) =>
        selectBlock(`${first}.${index >> 8}.${index & 255}.0/24`, `${first}.${index >> 8}.${index & 255}.7/32`),
      ),
    });

  test('that select no pod here register nobody', () => {
    const repository = make(WEB);
    repository.upsertPolicy(sampleKey('a'), [blocks('nobody', 10)]);
    repository.upsertPolicy(sampleKey('b'), [blocks('nobody', 11)]);
    // Whom they are about, and none of 60,000 peers.
    expect([repository.held.sets, repository.held.selectors, changes(repository)]).toEqual([0, 1, []]);
    repository.rulesOf(WEB.id);
    expect([repository.held.sets, repository.held.selectors]).toEqual([2, 1]);
  });

  test('that select one, all around each other, come to one table and its peers', () => {
    const repository = make(WEB);
    repository.upsertPolicy(sampleKey('a'), [blocks('web', 10)]);
    const { egress } = repository.tablesFor(WEB.id);
    expect([egress.peers.size, egress.rows]).toEqual([30_000, 1]);
    repository.upsertPolicy(sampleKey('b'), [blocks('web', 11)]);
    expect(repository.tablesFor(WEB.id).egress.peers.size).toBe(60_000);
  });
});

test('label keys in use, by subjects and peers, pods only', () => {
  const repository = make();
  repository.upsertPolicy(sampleKey('a'), [
    sampleEntry({
      subject: selectPods({ app: 'web' }),
      peers: [
        {
          kind: 'pods',
          namespace: { selector: labelSelector({ matchLabels: { team: 'a' } }) },
          pods: labelSelector({ matchExpressions: [{ key: 'role', operator: 'DoesNotExist' }] }),
        },
      ],
    }),
  ]);
  repository.upsertPolicy(sampleKey('b'), [sampleEntry({ subject: selectPods({ app: 'db' }) })]);
  expect(selectedIn(repository)).toEqual(['app', 'role']);
  repository.deletePolicy(sampleKey('a'));
  expect(selectedIn(repository)).toEqual(['app']);
});

const selectedIn = ({ selectedLabels }: PolicyRepository): string[] => [
  ...new Set(Array.from(selectedLabels.rows.values(), ({ key }) => key)),
];

describe('of 1,000 policies and 3,000 identities', () => {
  const repository = new PolicyRepository();
  const namespaces = Array.from({ length: 100 }, (_, index) => `ns${index}`);
  for (let index = 0; index < 3000; index += 1) {
    const namespace = namespaces[index % 100] ?? '';
    const labels = labelMap({ app: `app${index % 300}`, v: String(index) });
    repository.upsertIdentity(samplePod(256 + index, { namespace, labels }));
  }
  const policy = (index: number, port = 80) => [
    sampleEntry(
      {
        subject: selectPods({}, namespaces[index % 100]),
        peers: [selectPods({ app: `app${index % 300}` })],
        ports: [tcp(port), tcp(1000, 2000)],
      },
      `p${index}`,
    ),
    sampleEntry(
      {
        direction: 'egress',
        subject: selectPods({}, namespaces[index % 100]),
        peers: [selectPods({}, namespaces[(index * 7) % 100]), selectBlock(`10.${index % 250}.0.0/16`)],
      },
      `p${index}`,
    ),
  ];
  for (let index = 0; index < 1000; index += 1) repository.upsertPolicy(sampleKey(`p${index}`), policy(index));
  const askForAll = (): void => {
    for (const id of repository.drainDirty()) repository.tablesFor(id);
    repository.drainChanged();
  };

  test('a change marks only its subjects', () => {
    askForAll();
    repository.upsertPolicy(sampleKey('p5'), policy(5, 443));
    expect(repository.drainDirty().size).toBe(30);
  });

  test('a new identity changes only the rule sets that it is a peer of', () => {
    askForAll();
    repository.upsertIdentity(samplePod(9000, { namespace: 'ns0', labels: labelMap({ app: 'app0' }) }));
    const sets = repository.drainChanged();
    for (const set of sets) expect(set.changed).toEqual(new Set([9000]));
    expect(sets.size).toBe(2);
  });
});
