import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Logger, silentLogger } from '../../base/index.ts';
import { IdentityAllocator } from '../../identity/index.ts';
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

function open({ namespaceShare = 1, log = silentLogger } = {}) {
  const numbers = new Numbers(dir);
  const allocator = new IdentityAllocator({ grace: 1_000, namespaceShare });
  return { numbers, allocator, cidrs: numbers.restore(allocator, log) };
}

test('what numbers mean survives, with all changes since the first save', () => {
  const before = open();
  expect(before.numbers.trusted).toBe(false);
  const gone = before.allocator.acquire(workload('gone')).id;
  before.cidrs.acquire(Prefix.parse('198.51.100.0/24'));
  before.numbers.save(before.allocator, before.cidrs);
  const kept = before.allocator.acquire(workload('kept')).id;
  const prefix = before.cidrs.acquire(Prefix.parse('203.0.113.0/24')).identity.id;
  before.cidrs.release(Prefix.parse('198.51.100.0/24'));
  before.numbers.save(before.allocator, before.cidrs);
  before.numbers.close();

  const after = open();
  expect(after.numbers.trusted).toBe(true);
  expect(after.allocator.identities().map(({ id, workload: { labels } }) => [id, labels.get('app')])).toEqual([
    [gone, 'gone'],
    [kept, 'kept'],
  ]);
  expect(after.allocator.acquire(workload('kept')).id).toBe(kept);
  expect(after.allocator.acquire(workload('fresh')).id).toBeGreaterThan(kept);
  expect(after.cidrs.acquire(Prefix.parse('203.0.113.0/24')).identity.id).toBe(prefix);
  expect(after.cidrs.acquire(Prefix.parse('198.51.100.0/24')).identity.id).not.toBe(prefix);
  after.numbers.close();
});

test('a number that is not saved yet means nobody after a crash, one that was taken back its new owner', () => {
  const { numbers, allocator, cidrs } = open({ namespaceShare: 1 / 65_280 });
  const { id } = allocator.acquire(workload('first'));
  numbers.save(allocator, cidrs);
  allocator.release(id);
  const again = (app: string) => {
    expect(() => allocator.acquire(workload(app))).toThrow();
    allocator.expire();
    allocator.settle();
    return allocator.acquire(workload(app));
  };
  const second = again('second');
  numbers.save(allocator, cidrs);
  allocator.release(second.id);
  again('unsaved');
  numbers.close();
  const after = open();
  expect(after.allocator.identities().map(({ workload: { labels } }) => labels.get('app'))).toEqual(['second']);
  after.numbers.close();
});

test('a change costs no more where there are many', () => {
  const { numbers, allocator, cidrs } = open();
  for (let index = 0; index < 5_000; index += 1) allocator.acquire(workload(`w${index}`));
  numbers.save(allocator, cidrs);
  const size = () => readdirSync(dir).reduce((sum, name) => sum + statSync(`${dir}/${name}`).size, 0);
  const before = size();
  allocator.acquire(workload('one more'));
  numbers.save(allocator, cidrs);
  expect(size() - before).toBeLessThan(100_000);
  numbers.close();
});

test.each([
  ['no database', 'numbers.db', 'not a database, but some text that is longer than the header of one would be'],
  ['cut short', 'numbers.db', ''],
])('%s: the numbering is made anew', (_, name, text) => {
  const before = open();
  before.allocator.acquire(workload('web'));
  before.numbers.save(before.allocator, before.cidrs);
  before.numbers.close();
  writeFileSync(`${dir}/${name}`, text);
  const after = open();
  expect(after.numbers.trusted).toBe(false);
  expect(after.allocator.identities()).toEqual([]);
  after.allocator.acquire(workload('web'));
  after.numbers.save(after.allocator, after.cidrs);
  after.numbers.close();
  expect(open().numbers.trusted).toBe(true);
});

test('of a later format the numbering is made anew, and not written into what nobody here understands', () => {
  const before = open();
  before.allocator.acquire(workload('web'));
  before.numbers.save(before.allocator, before.cidrs);
  before.numbers.close();
  const later = new DatabaseSync(`${dir}/numbers.db`);
  later.exec("ALTER TABLE identities ADD COLUMN tenant TEXT NOT NULL DEFAULT ''; PRAGMA user_version = 2");
  later.close();
  const errors: unknown[] = [];
  const log = { ...silentLogger, error: (fields: unknown) => void errors.push(fields) } as Logger;
  const { numbers, allocator, cidrs } = open({ log });
  expect(numbers.trusted).toBe(false);
  expect(errors).toEqual([
    expect.objectContaining({ error: expect.stringContaining('it is of format 2, this agent reads 1') }),
  ]);
  allocator.acquire(workload('web'));
  numbers.save(allocator, cidrs);
  numbers.close();
  const after = open();
  expect(after.numbers.trusted).toBe(true);
  after.numbers.close();
});
