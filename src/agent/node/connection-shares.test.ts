import { expect, it } from 'vitest';
import { connectionShares } from './connection-shares.ts';

it.each([
  { capacity: 262_144, endpoints: 256, quota: 16_384 },
  { capacity: 65_536, endpoints: 1024, quota: 1000 },
  { capacity: 1024, endpoints: 110, quota: 10_000 },
])('everybody together fits the table: %j', (options) => {
  const { ctGuaranteed, ctCommon, ctNode, ctWorld, ctOpenings, ctQuota } = connectionShares(options);
  expect(ctGuaranteed * options.endpoints + ctCommon + ctNode + ctWorld).toBeLessThan(options.capacity);
  expect(ctOpenings).toBeLessThan(ctWorld);
  expect(ctGuaranteed).toBeLessThanOrEqual(ctQuota);
  expect(ctGuaranteed).toBeGreaterThan(0);
});
