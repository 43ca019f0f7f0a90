import { describe, expect, test } from 'vitest';
import { finish } from '../../base/index.ts';
import { RESERVED_IDS } from '../../identity/index.ts';
import {
  type Direction,
  type IdentityId,
  identityId,
  type NamedPort,
  type PolicyEntry,
  ruleId,
} from '../../model/index.ts';
import { type PolicyTableRow, rowsOf } from '../../model/testkit.ts';
import { TableLookup } from '../ask/testkit.ts';
import { sampleEntry, tcp } from '../samples.ts';
import type { BoundEntry } from './claims.ts';
import { CompiledTable, type CompileInput, compileTable } from './compile.ts';
import { DEFAULT_PRECEDENCE, LOCALHOST_PRECEDENCE, precedenceOf } from './precedence.ts';

const WEB = identityId(256);
const DB = identityId(257);
const { host: HOST } = RESERVED_IDS;

function bound(parts: Partial<PolicyEntry>, peers: number[] = [], rule = 1): BoundEntry {
  return {
    entry: sampleEntry(peers.length > 0 ? { peers: [], ...parts } : parts),
    rule: ruleId(rule),
    peers: [new Set(peers.map(identityId))],
    named: [],
  };
}

type Options = Partial<Pick<CompileInput, 'namedPorts' | 'namedPortsOf' | 'enforcement' | 'allowLocalhost'>>;

function tables(entries: BoundEntry[], options: Options = {}) {
  const of = (direction: Direction) =>
    compileTable({
      direction,
      namedPorts: [],
      namedPortsOf: () => [],
      entries: entries.filter(({ entry }) => entry.direction === direction),
      enforcement: 'default',
      allowLocalhost: 'policy',
      ...options,
    });
  return { ingress: of('ingress'), egress: of('egress') };
}

function compile(entries: BoundEntry[], options: Options = {}): PolicyTableRow[] {
  const { ingress, egress } = tables(entries, options);
  return [...rowsOf(ingress, 'ingress'), ...rowsOf(egress, 'egress')];
}

const show = (rows: PolicyTableRow[], direction: Direction = 'ingress') =>
  rows
    .filter((row) => row.direction === direction)
    .map(({ peer, protocol, port, portBits, verdict }) => `${peer} ${protocol} ${port}/${portBits} ${verdict}`)
    .sort();

const OPEN = '0 0 0/0 allow';

describe('defaults', () => {
  test('no policy: one row a direction', () => {
    expect(compile([])).toEqual(
      (['ingress', 'egress'] as const).map((direction) => ({
        direction,
        peer: 0,
        protocol: 0,
        port: 0,
        portBits: 0,
        verdict: 'allow',
        precedence: DEFAULT_PRECEDENCE,
        rule: 0,
      })),
    );
  });

  test('isolation in one direction leaves the other open', () => {
    const rows = compile([bound({ peers: [] })]);
    expect(show(rows)).toEqual([]);
    expect(show(rows, 'egress')).toEqual([OPEN]);
  });

  test('an entry that does not isolate leaves the default', () => {
    expect(show(compile([bound({ isolates: false, verdict: 'deny' }, [WEB])]))).toEqual([OPEN, '256 0 0/0 deny']);
  });

  test('always and never', () => {
    expect(compile([], { enforcement: 'always' })).toEqual([]);
    const never = compile([bound({ peers: [] })], { enforcement: 'never' });
    expect([show(never), show(never, 'egress')]).toEqual([[OPEN], [OPEN]]);
  });

  test('the own node comes in, below every entry', () => {
    const local = { allowLocalhost: 'always' } as const;
    expect(compile([bound({ peers: [] })], local)[0]).toMatchObject({
      peer: HOST,
      verdict: 'allow',
      precedence: LOCALHOST_PRECEDENCE,
    });
    expect(show(compile([bound({ verdict: 'deny' }, [HOST]), bound({ peers: [] })], local))).toEqual(['1 0 0/0 deny']);
    expect(show(compile([bound({ direction: 'egress', peers: [] })], local), 'egress')).toEqual([]);
  });
});

describe('peers', () => {
  test('nobody is not everybody', () => {
    expect(show(compile([bound({ peers: [] })]))).toEqual([]);
    expect(show(compile([bound({ peers: 'any' })]))).toEqual([OPEN]);
  });

  test('a peer that has what everybody has needs no rows', () => {
    expect(show(compile([bound({ ports: [tcp(80)] }), bound({ ports: [tcp(80)] }, [WEB], 2)]))).toEqual([
      '0 6 80/16 allow',
    ]);
  });

  test('a peer’s own rows contain what everybody has', () => {
    const rows = compile([bound({ ports: [tcp(80)] }), bound({ verdict: 'deny', ports: [tcp(0, 1023)] }, [WEB], 2)]);
    expect(show(rows)).toEqual(['0 6 80/16 allow', '256 6 0/6 deny']);
    const broad = compile([bound({ verdict: 'deny', ports: [tcp(80)] }), bound({}, [WEB], 2)]);
    expect(show(broad)).toEqual(['0 6 80/16 deny', '256 0 0/0 allow', '256 6 80/16 deny']);
  });

  test('peers with equal claims have equal rows', () => {
    expect(show(compile([bound({ ports: [tcp(80)] }, [WEB, DB])]))).toEqual(['256 6 80/16 allow', '257 6 80/16 allow']);
  });
});

describe('ports', () => {
  test('neighbouring ranges of one rule grow together', () => {
    expect(show(compile([bound({ ports: [tcp(80), tcp(81), tcp(82, 83)] })]))).toEqual(['0 6 80/14 allow']);
  });

  test('a hole in a wildcard takes two rows, not a decomposition', () => {
    const rows = compile([bound({ ports: [tcp(0, 65535)] }), bound({ verdict: 'deny', ports: [tcp(80)] }, [], 2)]);
    expect(show(rows)).toEqual(['0 6 0/0 allow', '0 6 80/16 deny']);
  });

  test('all ports of one protocol say nothing about another', () => {
    expect(show(compile([bound({ ports: [tcp(0, 65535)] })]))).toEqual(['0 6 0/0 allow']);
  });

  test('overlapping rules of one verdict keep their names', () => {
    const lookup = new TableLookup(
      tables([bound({ ports: [tcp(80, 90)] }, [], 1), bound({ ports: [tcp(85, 95)] }, [], 2)]),
    );
    const rule = (port: number) => lookup.judge({ direction: 'ingress', peer: WEB, protocol: 6, port }).rule;
    expect([80, 84, 91, 95, 96].map(rule)).toEqual([1, 1, 2, 2, 0]);
  });
});

describe('named ports', () => {
  const http = (port: number): NamedPort[] => [{ name: 'http', protocol: 'TCP', port }];
  const ports = [{ protocol: 6, name: 'http' }];
  const namedPortsOf = (id: IdentityId) => (id === WEB ? http(8080) : id === DB ? http(9090) : []);

  test('ingress: the subject’s number', () => {
    expect(show(compile([bound({ ports })], { namedPorts: http(80) }))).toEqual(['0 6 80/16 allow']);
    expect(show(compile([bound({ ports })]))).toEqual([]);
  });

  test('egress: each destination’s number', () => {
    const rows = compile([bound({ direction: 'egress', ports }, [WEB, DB, 258])], { namedPortsOf });
    expect(show(rows, 'egress')).toEqual(['256 6 8080/16 allow', '257 6 9090/16 allow']);
  });

  test('egress to anybody: those that have the name, and numbers for all', () => {
    const entry = bound({ direction: 'egress', ports: [...ports, tcp(53)] });
    const rows = compile([{ ...entry, named: [new Set([WEB, DB])] }], { namedPortsOf });
    expect(show(rows, 'egress')).toEqual(['0 6 53/16 allow', '256 6 8080/16 allow', '257 6 9090/16 allow']);
  });
});

describe('precedence', () => {
  test('tier, then order, then deny before pass before allow; within 32 bits', () => {
    const orders = [
      precedenceOf({ tier: 'admin', order: 0, verdict: 'deny' }),
      precedenceOf({ tier: 'admin', order: 0, verdict: 'pass' }),
      precedenceOf({ tier: 'admin', order: 0, verdict: 'allow' }),
      precedenceOf({ tier: 'admin', order: 70_000, verdict: 'deny' }),
      precedenceOf({ tier: 'network', order: 0, verdict: 'allow' }),
      precedenceOf({ tier: 'network', order: 2 ** 28 - 1, verdict: 'deny' }),
      precedenceOf({ tier: 'baseline', order: 0, verdict: 'deny' }),
      precedenceOf({ tier: 'baseline', order: 2 ** 28 - 1, verdict: 'allow' }),
      LOCALHOST_PRECEDENCE,
      DEFAULT_PRECEDENCE,
    ];
    expect(orders.toSorted((a, b) => b - a)).toEqual(orders);
    expect(new Set(orders).size).toBe(orders.length);
    expect(orders.every((value) => Number.isInteger(value) && value >= 0 && value < 2 ** 32)).toBe(true);
  });

  test.each([-1, 2 ** 28, 0.5])('order %d is refused', (order) =>
    expect(() => precedenceOf({ tier: 'admin', order, verdict: 'deny' })).toThrow(
      expect.objectContaining({ code: 'E_POLICY_ORDER' }),
    ),
  );

  test('deny wins at one order, whatever is broader', () => {
    const rows = compile([bound({}, [WEB]), bound({ verdict: 'deny', ports: [tcp(80)] }, [], 2)]);
    expect(show(rows)).toEqual(['0 6 80/16 deny', '256 0 0/0 allow', '256 6 80/16 deny']);
  });

  test('a broad allow before an exact deny of a later order', () => {
    const rows = compile([
      bound({ tier: 'admin', order: 5 }),
      bound({ tier: 'admin', order: 6, verdict: 'deny', ports: [tcp(80)] }, [WEB], 2),
    ]);
    expect(show(rows)).toEqual([OPEN]);
  });

  test('pass ends its tier only', () => {
    const lookup = new TableLookup(
      tables([
        bound({ tier: 'admin', order: 1, verdict: 'pass', ports: [tcp(80)], isolates: false }, [WEB]),
        bound({ tier: 'admin', order: 2, verdict: 'deny', isolates: false }, [WEB, DB], 2),
        bound({ ports: [tcp(80)], isolates: false }, [WEB], 3),
      ]),
    );
    const ask = (peer: IdentityId, port: number) => lookup.judge({ direction: 'ingress', peer, protocol: 6, port });
    expect([ask(WEB, 80), ask(WEB, 81), ask(DB, 80)].map(({ verdict, rule }) => `${verdict} ${rule}`)).toEqual([
      'allow 3',
      'deny 2',
      'deny 2',
    ]);
  });

  test('passed to a tier that says nothing, an isolated subject refuses', () => {
    const lookup = new TableLookup(
      tables([
        bound({ tier: 'admin', order: 2, isolates: false }),
        bound({ tier: 'admin', order: 1, verdict: 'pass', isolates: false }, [WEB], 2),
        bound({ peers: [] }, [], 3),
      ]),
    );
    const ask = (peer: IdentityId) => lookup.judge({ direction: 'ingress', peer, protocol: 17, port: 53 }).verdict;
    expect([ask(WEB), ask(DB)]).toEqual(['deny', 'allow']);
  });

  test('the baseline speaks only where nobody isolates', () => {
    const baseline = bound({ tier: 'baseline', verdict: 'deny', isolates: false }, [WEB]);
    expect(show(compile([baseline]))).toEqual([OPEN, '256 0 0/0 deny']);
    expect(show(compile([baseline, bound({ ports: [tcp(80)] }, [WEB], 2)]))).toEqual(['256 6 80/16 allow']);
  });
});

describe('two identities of one peer', () => {
  const CIDR = identityId(16_777_216);

  test('the larger precedence wins, and a look-up that finds nothing does not count', () => {
    const lookup = new TableLookup(
      tables([
        bound({ ports: [tcp(80)] }, [WEB]),
        bound({ ports: [tcp(81)] }, [CIDR], 2),
        bound({ verdict: 'deny', ports: [tcp(82)] }, [CIDR], 3),
        bound({ ports: [tcp(82)] }, [WEB], 4),
      ]),
    );
    const ask = (port: number) => lookup.judge({ direction: 'ingress', peer: WEB, peerCidr: CIDR, protocol: 6, port });
    expect([80, 81, 82, 83].map(ask).map(({ verdict, rule }) => `${verdict} ${rule}`)).toEqual([
      'allow 1',
      'allow 2',
      'deny 3',
      'deny 0',
    ]);
  });
});

describe('groups', () => {
  const peers = Array.from({ length: 5000 }, (_, index) => 1000 + index);

  test('5,000 peers with ports 1 to 65,534 take 30 rows, not 150,000', () => {
    const { ingress } = tables([bound({ ports: [tcp(1, 65_534)] }, peers)]);
    expect([ingress.rows, ingress.peers.size]).toEqual([30, 5000]);
  });

  test('what one claim comes to is worked out once for all its peers', () => {
    const ports = Array.from({ length: 200 }, (_, index) => tcp(2 * index + 1));
    const table = new CompiledTable({
      direction: 'ingress',
      namedPorts: [],
      namedPortsOf: () => [],
      entries: [bound({ ports }, peers)],
      enforcement: 'default',
      allowLocalhost: 'policy',
    });
    // Each peer with ports of its own to look at would be a million steps: too much for a table of this size.
    table.build({ rows: peers.length + ports.length }).forEach(() => undefined);
    expect([table.rows, table.peers.size]).toEqual([200, 5000]);
  });

  test('peers whose claims come to the same rows share a group, whatever the claims', () => {
    const { ingress } = tables([
      bound({ ports: [tcp(80)] }, [WEB, DB]),
      bound({ ports: [tcp(80)] }, [DB], 1),
      bound({ ports: [tcp(81)] }, [HOST], 1),
    ]);
    expect(ingress.peers.get(WEB)).toBe(ingress.peers.get(DB));
    expect(ingress.peers.get(HOST)).not.toBe(ingress.peers.get(DB));
  });

  test('a peer that joins is one more in its group, one that leaves is in none', () => {
    const members = new Set([WEB]);
    const { ingress } = tables([{ ...bound({ ports: [tcp(1, 65_534)] }, [0]), peers: [members] }]);
    const rows = ingress.rows;
    members.add(DB);
    expect(finish(ingress.regroup([DB]))).toEqual(new Map([[DB, ingress.peers.get(WEB)]]));
    members.delete(WEB);
    expect(finish(ingress.regroup([WEB]))).toEqual(new Map([[WEB, 0]]));
    expect([...ingress.peers.keys(), ingress.rows]).toEqual([DB, rows]);
  });

  test('a table that is not selective never gets a peer with a group', () => {
    const any = bound({ peers: 'any', ports: [tcp(80)] });
    const compiled = tables([any, bound({ peers: 'any', direction: 'egress' }, [], 2)]);
    for (const table of [compiled.ingress, compiled.egress]) {
      expect(table.selective).toBe(false);
      expect(finish(table.regroup([WEB, DB, HOST]))).toEqual(new Map([WEB, DB, HOST].map((peer) => [peer, 0])));
    }
    const nobodyYet = { ...bound({ ports: [tcp(81)] }, [0], 3), peers: [new Set<typeof WEB>()] };
    expect(tables([any, nobodyYet]).ingress.selective).toBe(true);
    expect(tables([any], { allowLocalhost: 'always' }).ingress.selective).toBe(true);
  });

  test('what is built while peers come and go, and regrouped for them, is what would be built afterwards', () => {
    const members = new Set(peers.map(identityId));
    const entries = [{ ...bound({ ports: [tcp(80)] }, [0]), peers: [members] }, bound({}, [WEB], 2)];
    const table = new CompiledTable({
      direction: 'ingress',
      namedPorts: [],
      namedPortsOf: () => [],
      entries,
      enforcement: 'default',
      allowLocalhost: 'always',
    });
    members.delete(identityId(1000));
    for (const _ of table.build({ rows: 1e6 })) members.add(DB);
    members.add(DB);
    finish(table.regroup([DB, identityId(1000), HOST]));
    const sorted = (rows: PolicyTableRow[]) => rows.map((row) => JSON.stringify(row)).sort();
    const { ingress } = tables(entries, { allowLocalhost: 'always' });
    expect(sorted(rowsOf(table, 'ingress'))).toEqual(sorted(rowsOf(ingress, 'ingress')));
  });

  test('the same table of an earlier life keeps the numbers of its groups', () => {
    const entries = [bound({ ports: [tcp(80)] }, [WEB]), bound({ ports: [tcp(81)] }, [DB], 2)];
    const { ingress: first } = tables(entries);
    const { ingress: second } = tables([...entries].reverse());
    const [one, two] = [first.peers.get(WEB), first.peers.get(DB)];
    expect(second.renumber(first)).toBe(true);
    expect([second.peers.get(WEB), second.peers.get(DB)]).toEqual([one, two]);
    expect(finish(second.regroup([WEB]))).toEqual(new Map([[WEB, one]]));
    expect(second.renumber(tables([entries[0] ?? bound({})]).ingress)).toBe(false);
  });
});

describe('bounds', () => {
  const ranges = (count: number) => Array.from({ length: count }, (_, index) => tcp(3 * index + 1, 3 * index + 2));

  test('a table with more rows and peers than it may have is refused before it is large', () => {
    const entries = Array.from({ length: 200 }, (_, rule) => bound({ ports: [tcp(rule)] }, [2000 + rule], rule));
    entries.push(bound({ ports: ranges(500) }, [WEB], 999));
    const input = { direction: 'ingress', namedPorts: [], namedPortsOf: () => [], allowLocalhost: 'policy' } as const;
    const build = (rows: number) => compileTable({ ...input, entries, enforcement: 'default' }, { rows });
    expect(build(2000).size).toBeGreaterThan(700);
    expect(() => build(700)).toThrow(expect.objectContaining({ code: 'E_POLICY_TOO_LARGE' }));
  });

  test('it is built in slices', () => {
    const table = new CompiledTable({
      direction: 'ingress',
      namedPorts: [],
      namedPortsOf: () => [],
      entries: Array.from({ length: 100 }, (_, rule) =>
        bound(
          { ports: [tcp(rule)] },
          Array.from({ length: 1000 }, (__, peer) => 1000 + peer),
          rule,
        ),
      ),
      enforcement: 'default',
      allowLocalhost: 'policy',
    });
    expect([...table.build({ rows: 65_536 })].length).toBeGreaterThan(3);
  });
});
