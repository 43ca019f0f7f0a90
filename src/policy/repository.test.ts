import { describe, expect, test } from 'vitest';
import { CidrIdentities, RESERVED_IDS } from '../identity/index.ts';
import { samplePod } from '../identity/samples.ts';
import { identityId, labelMap, labelSelector, type PolicyTableRow } from '../model/index.ts';
import { PolicyRepository } from './repository.ts';
import { sampleEntry, selectBlock, selectPods, tcp } from './samples.ts';

const WEB = samplePod(256);
const DB = samplePod(257, { app: 'db' });
const CLI = samplePod(258, { namespace: 'office', app: 'cli' });

function make(...identities: ReturnType<typeof samplePod>[]) {
  const repository = new PolicyRepository({ allowLocalhost: 'policy' });
  for (const identity of identities) repository.upsertIdentity(identity);
  repository.drainDirty();
  return repository;
}

const ingress = (rows: Iterable<PolicyTableRow> = []) =>
  [...rows]
    .filter(({ direction }) => direction === 'ingress')
    .map(({ peer, protocol, port }) => `${peer} ${protocol}:${port}`);

const webFromDb = sampleEntry({
  subject: selectPods({ app: 'web' }, 'shop'),
  peers: [selectPods({ app: 'db' })],
  ports: [tcp(80)],
});

describe('dirty subjects', () => {
  test('a policy marks those it selects, before and after', () => {
    const repository = make(WEB, DB, CLI);
    repository.upsertPolicy('a', [webFromDb]);
    expect(repository.drainDirty()).toEqual(new Set([256]));
    expect(repository.drainDirty()).toEqual(new Set());
    repository.upsertPolicy('a', [{ ...webFromDb, subject: selectPods({ app: 'db' }) }]);
    expect(repository.drainDirty()).toEqual(new Set([256, 257]));
    repository.deletePolicy('a');
    expect(repository.drainDirty()).toEqual(new Set([257]));
    repository.deletePolicy('a');
    expect(repository.drainDirty()).toEqual(new Set());
  });

  test('a peer marks the subjects that select it, a subject itself', () => {
    const repository = make(WEB);
    repository.upsertPolicy('a', [webFromDb]);
    repository.drainDirty();
    repository.upsertIdentity(DB);
    expect(repository.drainDirty()).toEqual(new Set([256, 257]));
    repository.upsertIdentity(CLI);
    expect(repository.drainDirty()).toEqual(new Set([258]));
    repository.upsertIdentity({ ...DB });
    expect(repository.drainDirty()).toEqual(new Set());
    repository.removeIdentity(DB.id);
    expect(repository.drainDirty()).toEqual(new Set([256]));
  });

  test('a number that means another workload now is not what it was', () => {
    const repository = make(WEB, DB);
    repository.upsertPolicy('a', [webFromDb]);
    expect(ingress(repository.tableFor(WEB.id))).toEqual(['257 6:80']);
    repository.upsertIdentity(samplePod(257, { app: 'other' }));
    expect(repository.drainDirty().has(WEB.id)).toBe(true);
    expect(repository.additionsFor(WEB.id)).toBeUndefined();
    expect(ingress(repository.tableFor(WEB.id))).toEqual([]);
  });
});

describe('tables', () => {
  test('are computed once until something changes', () => {
    const repository = make(WEB, DB);
    repository.upsertPolicy('a', [webFromDb]);
    const table = repository.tableFor(WEB.id);
    expect(repository.tableFor(WEB.id)).toBe(table);
    repository.upsertPolicy('a', [webFromDb]);
    expect(repository.tableFor(WEB.id)).not.toBe(table);
  });

  test('rules keep their numbers and explain the rows', () => {
    const repository = make(WEB, DB);
    repository.upsertPolicy('a', [webFromDb]);
    const rule = repository.tableFor(WEB.id).find(({ peer }) => peer === DB.id)?.rule;
    expect(rule && repository.rules.get(rule)).toEqual(webFromDb.origin);
    repository.deletePolicy('a');
    repository.upsertPolicy('a', [webFromDb]);
    expect(repository.tableFor(WEB.id).find(({ peer }) => peer === DB.id)?.rule).toBe(rule);
  });

  test('only pods have one', () => {
    const repository = make();
    for (const id of [RESERVED_IDS.host, identityId(999)]) {
      expect(() => repository.tableFor(id)).toThrow(expect.objectContaining({ code: 'E_POLICY_SUBJECT' }));
    }
  });
});

describe('additions', () => {
  test('identities that joined give rows to add, once', () => {
    const repository = make(WEB);
    repository.upsertPolicy('a', [webFromDb]);
    expect(repository.additionsFor(WEB.id)).toBeUndefined();
    repository.tableFor(WEB.id);
    expect(repository.additionsFor(WEB.id)).toEqual([]);
    repository.upsertIdentity(DB);
    expect(ingress(repository.additionsFor(WEB.id))).toEqual(['257 6:80']);
    expect(repository.additionsFor(WEB.id)).toEqual([]);
    expect(ingress(repository.tableFor(WEB.id))).toEqual(['257 6:80']);
  });

  test('not when anything else changed too, nor when the joined one left again', () => {
    const repository = make(WEB);
    repository.upsertPolicy('a', [webFromDb]);
    repository.tableFor(WEB.id);
    repository.upsertIdentity(DB);
    repository.upsertPolicy('b', [sampleEntry({ subject: selectPods({ app: 'web' }) })]);
    expect(repository.additionsFor(WEB.id)).toBeUndefined();
    repository.deletePolicy('b');
    repository.tableFor(WEB.id);
    repository.upsertIdentity(samplePod(300, { app: 'db', serviceAccount: 'two' }));
    repository.removeIdentity(identityId(300));
    expect(repository.additionsFor(WEB.id)).toBeUndefined();
    expect(ingress(repository.tableFor(WEB.id))).toEqual(['257 6:80']);
  });

  test('a named port of a joining destination', () => {
    const repository = make(CLI);
    repository.upsertPolicy('a', [
      sampleEntry({ direction: 'egress', subject: selectPods({ app: 'cli' }), ports: [{ protocol: 6, name: 'http' }] }),
    ]);
    repository.tableFor(CLI.id);
    repository.upsertIdentity(samplePod(260, { namedPorts: [{ name: 'http', protocol: 'TCP', port: 8080 }] }));
    repository.upsertIdentity(samplePod(261, { namedPorts: [{ name: 'http', protocol: 'UDP', port: 8080 }] }));
    expect(repository.additionsFor(CLI.id)?.map(({ peer, port }) => [peer, port])).toEqual([[260, 8080]]);
  });
});

describe('prefixes', () => {
  const toBlock = (subject: string, ...block: [string, ...string[]]) =>
    sampleEntry({ direction: 'egress', subject: selectPods({ app: subject }), peers: [selectBlock(...block)] });

  test('are counted, excepts included, and go with the last policy', () => {
    const repository = make(WEB, DB);
    repository.upsertPolicy('a', [toBlock('web', '10.0.0.0/8', '10.1.0.0/16')]);
    repository.upsertPolicy('b', [toBlock('db', '10.0.0.0/8')]);
    expect(repository.prefixes()).toEqual(
      new Map([
        ['10.0.0.0/8', 2],
        ['10.1.0.0/16', 1],
      ]),
    );
    const id = repository.cidrs.identities()[0]?.id;
    repository.upsertPolicy('a', [toBlock('web', '10.0.0.0/8')]);
    expect(repository.cidrs.identities().map((identity) => identity.id)).toEqual([id]);
    repository.deletePolicy('a');
    repository.deletePolicy('b');
    expect(repository.prefixes().size).toBe(0);
  });

  test('a prefix inside another policy’s block joins there', () => {
    const repository = make(WEB, DB);
    repository.upsertPolicy('a', [toBlock('web', '10.0.0.0/8', '10.9.0.0/16')]);
    repository.tableFor(WEB.id);
    repository.drainDirty();
    repository.upsertPolicy('b', [toBlock('db', '10.1.0.0/16'), toBlock('db', '10.9.9.0/24')]);
    expect(repository.drainDirty()).toEqual(new Set([256, 257]));
    const inside = repository.cidrs.identities().find(({ prefix }) => prefix.toString() === '10.1.0.0/16')?.id;
    expect(repository.additionsFor(WEB.id)?.map(({ peer }) => peer)).toEqual([inside]);
  });

  test('a policy with too many prefixes is refused whole and the last good state goes on', () => {
    const cidrs = new CidrIdentities({ range: { first: 16_777_216, last: 16_777_217 } });
    const repository = new PolicyRepository({ cidrs });
    repository.upsertIdentity(WEB);
    repository.upsertPolicy('a', [toBlock('web', '10.0.0.0/8')]);
    const table = repository.tableFor(WEB.id);
    const greedy = [toBlock('web', '11.0.0.0/8', '11.1.0.0/16'), toBlock('web', '10.0.0.0/8')];
    expect(() => repository.upsertPolicy('a', greedy)).toThrow(
      expect.objectContaining({ code: 'E_IDENTITY_EXHAUSTED' }),
    );
    expect(repository.prefixes()).toEqual(new Map([['10.0.0.0/8', 1]]));
    expect(repository.tableFor(WEB.id)).toEqual(table);
  });
});

test('label keys in use, by subjects and peers, pods only', () => {
  const repository = make();
  repository.upsertPolicy('a', [
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
  repository.upsertPolicy('b', [sampleEntry({ subject: selectPods({ app: 'db' }) })]);
  expect(repository.selectedLabelKeys()).toEqual(new Set(['app', 'role']));
  repository.deletePolicy('a');
  expect(repository.selectedLabelKeys()).toEqual(new Set(['app']));
});

describe('speed with 1,000 policies and 3,000 identities', () => {
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
  for (let index = 0; index < 1000; index += 1) repository.upsertPolicy(`p${index}`, policy(index));

  test('a table takes 2 ms at most (median), and a change marks only its subjects', () => {
    for (const id of repository.drainDirty()) repository.tableFor(id);
    repository.upsertPolicy('p5', policy(5, 443));
    const dirty = repository.drainDirty();
    expect(dirty.size).toBe(30);
    const times = [...dirty].map((id) => {
      const start = performance.now();
      repository.tableFor(id);
      return performance.now() - start;
    });
    expect(times.sort((a, b) => a - b)[15]).toBeLessThan(2);
  });

  test('a new identity takes a few milliseconds for everybody', () => {
    const start = performance.now();
    repository.upsertIdentity(samplePod(9000, { namespace: 'ns0', labels: labelMap({ app: 'app0' }) }));
    const dirty = repository.drainDirty();
    for (const id of dirty) if (id !== 9000) expect(repository.additionsFor(id)?.length).toBeGreaterThan(0);
    expect(dirty.size).toBeGreaterThan(30);
    expect(performance.now() - start).toBeLessThan(100);
  });
});
