import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Logger, silentLogger } from '../../base/index.ts';
import { FakeClock } from '../../base/testkit.ts';
import { NumberedCluster } from '../../identity/numbers-testkit.ts';
import { placeIdentity } from '../../identity/placement.ts';
import { labelMap, type Workload } from '../../model/index.ts';
import { Prefix } from '../../net/index.ts';
import { Numbers } from './numbers.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(`${tmpdir()}/mbr-numbers-`);
});
afterEach(() => rmSync(dir, { recursive: true }));

const workload = (app: string): Workload => ({
  namespace: 'shop',
  namespaceLabels: labelMap({}),
  labels: labelMap({ app }),
  serviceAccount: 'default',
  cluster: 'default',
  namedPorts: [{ name: 'http', protocol: 'TCP', port: 80 }],
});

/** A life of a node of `cluster`. */
function open({ cluster = new NumberedCluster(), log = silentLogger } = {}) {
  const numbers = new Numbers(dir);
  const allocator = cluster.join('node-1', new FakeClock());
  const cidrs = numbers.restore(allocator, log);
  const acquire = async (app: string) => await cluster.acquire(allocator, workload(app));
  const pass = async () => await cluster.pass(allocator);
  return { numbers, allocator, cidrs, acquire, pass };
}

/** What numbers mean to it, by number. */
const meant = ({ allocator }: Pick<ReturnType<typeof open>, 'allocator'>) =>
  Object.fromEntries(allocator.identities().map(({ id, workload: { labels } }) => [id, labels.get('app')]));

test('what numbers mean survives, with all changes since the first save', async () => {
  const cluster = new NumberedCluster();
  const before = open({ cluster });
  expect(before.numbers.trusted).toBe(false);
  const { id: first } = await before.acquire('first');
  before.cidrs.acquire(Prefix.parse('198.51.100.0/24'));
  before.numbers.save(before.allocator, before.cidrs);
  const { id: second } = await before.acquire('second');
  const prefix = before.cidrs.acquire(Prefix.parse('203.0.113.0/24')).identity.id;
  before.cidrs.release(Prefix.parse('198.51.100.0/24'));
  before.numbers.save(before.allocator, before.cidrs);
  before.numbers.close();

  const after = open({ cluster });
  expect(after.numbers.trusted).toBe(true);
  expect(meant(after)).toEqual({ [first]: 'first', [second]: 'second' });
  expect(after.cidrs.acquire(Prefix.parse('203.0.113.0/24')).identity.id).toBe(prefix);
  expect(after.cidrs.acquire(Prefix.parse('198.51.100.0/24')).identity.id).not.toBe(prefix);
  after.numbers.close();
});

test('a number that is not saved yet means nobody after a crash, one that was taken back its new owner', async () => {
  const cluster = new NumberedCluster({ first: 256, last: 256 });
  const before = open({ cluster });
  const { numbers, allocator, cidrs, acquire, pass } = before;
  const { id } = await acquire('first');
  numbers.save(allocator, cidrs);
  const again = async (app: string) => {
    allocator.release(id);
    await pass();
    return await acquire(app);
  };
  expect((await again('second')).id).toBe(id);
  numbers.save(allocator, cidrs);
  await again('unsaved');
  expect(meant(before)).toEqual({ [id]: 'unsaved' });
  numbers.close();
  const after = open({ cluster });
  expect(meant(after)).toEqual({ [id]: 'second' });
  after.numbers.close();
});

test('a change costs no more where there are many', async () => {
  const cluster = new NumberedCluster();
  for (let index = 0; index < 5_000; index += 1) await placeIdentity(workload(`w${index}`), cluster.store);
  const { numbers, allocator, cidrs, acquire, pass } = open({ cluster });
  await pass();
  numbers.save(allocator, cidrs);
  const size = () => readdirSync(dir).reduce((sum, name) => sum + statSync(`${dir}/${name}`).size, 0);
  const before = size();
  await acquire('one more');
  numbers.save(allocator, cidrs);
  expect(size() - before).toBeLessThan(100_000);
  numbers.close();
});

test.each([
  ['no database', 'numbers.db', 'not a database, but some text that is longer than the header of one would be'],
  ['cut short', 'numbers.db', ''],
])('%s: the numbering is made anew', async (_, name, text) => {
  const before = open();
  await before.acquire('web');
  before.numbers.save(before.allocator, before.cidrs);
  before.numbers.close();
  writeFileSync(`${dir}/${name}`, text);
  const after = open();
  expect(after.numbers.trusted).toBe(false);
  expect(after.allocator.identities()).toEqual([]);
  await after.acquire('web');
  after.numbers.save(after.allocator, after.cidrs);
  after.numbers.close();
  expect(open().numbers.trusted).toBe(true);
});

test('of a later format the numbering is made anew, and not written into what nobody here understands', async () => {
  const before = open();
  await before.acquire('web');
  before.numbers.save(before.allocator, before.cidrs);
  before.numbers.close();
  const later = new DatabaseSync(`${dir}/numbers.db`);
  later.exec("ALTER TABLE identities ADD COLUMN tenant TEXT NOT NULL DEFAULT ''; PRAGMA user_version = 2");
  later.close();
  const errors: unknown[] = [];
  const log = { ...silentLogger, error: (fields: unknown) => void errors.push(fields) } as Logger;
  const { numbers, allocator, cidrs, acquire } = open({ log });
  expect(numbers.trusted).toBe(false);
  expect(errors).toEqual([
    expect.objectContaining({ error: expect.stringContaining('it is of format 2, this agent reads 1') }),
  ]);
  await acquire('web');
  numbers.save(allocator, cidrs);
  numbers.close();
  const after = open();
  expect(after.numbers.trusted).toBe(true);
  after.numbers.close();
});
