import { expect, test } from 'vitest';
import type { TenantAccount } from '../gen/codecs.ts';
import { endpointRow, ipcacheRow, serviceRow } from './row-testkit.ts';
import { sameRow } from './same-row.ts';
import { UNUSED_TENANT_ACCOUNT } from './tenant-accounts-map.ts';

const ACCOUNT: TenantAccount = { ...UNUSED_TENANT_ACCOUNT, interval: 1, eventInterval: 2, limit: [3, 4] };
const ROWS: Parameters<typeof sameRow>[0][] = [
  endpointRow(),
  ipcacheRow({}),
  serviceRow({ revision: 1, count: 1, service: 1 }),
  ACCOUNT,
];

function another(value: unknown): unknown {
  if (Array.isArray(value)) return [another(value[0]), ...value.slice(1)];
  return typeof value === 'number' ? value + 1 : typeof value === 'boolean' ? !value : '192.0.2.1';
}

test.each(ROWS)('%j differs from what says otherwise in any field', (row) => {
  expect(sameRow(row, structuredClone(row))).toBe(true);
  for (const [field, value] of Object.entries(row))
    expect(sameRow(row, { ...row, [field]: another(value) as string }), field).toBe(false);
});

test('of what is found only what is wanted counts', () => {
  const found: TenantAccount = { ...ACCOUNT, interval: 9 };
  expect(sameRow<Pick<TenantAccount, 'limit'>>({ limit: [3, 4] }, found)).toBe(true);
});
