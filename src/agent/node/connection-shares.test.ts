import { expect, it } from 'vitest';
import { FIRST_OUTSIDE, MAX_ENDPOINTS } from '../../model/index.ts';
import { connectionShares } from './connection-shares.ts';

const OUTSIDE_WORDS = MAX_ENDPOINTS - FIRST_OUTSIDE;

it.each([
  { capacity: 262_144, endpoints: 256, quota: 16_384 },
  { capacity: 65_536, endpoints: 1024, quota: 1000 },
  { capacity: 1024, endpoints: 110, quota: 10_000 },
])('everybody together fits the table: %j', (options) => {
  const shares = connectionShares(options);
  const { ctGuaranteed, ctCommon, ctNode, ctWorld, ctOpenings, ctQuota, ctClosed } = shares;
  const { ctElsewhere, ctElsewhereGuaranteed, ctElsewhereQuota } = shares;
  const here = ctGuaranteed * options.endpoints + ctCommon + ctNode;
  const elsewhere = ctElsewhereGuaranteed * OUTSIDE_WORDS + ctElsewhere;
  expect(here + elsewhere + ctWorld + ctClosed).toBeLessThan(options.capacity);
  expect(ctClosed).toBeGreaterThan(0);
  expect(ctElsewhereQuota).toBeLessThanOrEqual(ctElsewhereGuaranteed + ctElsewhere / 4);
  expect(ctElsewhereQuota).toBeGreaterThan(0);
  expect(ctOpenings).toBeLessThan(ctWorld);
  expect(ctGuaranteed).toBeLessThanOrEqual(ctQuota);
  expect(ctGuaranteed).toBeGreaterThan(0);
});
