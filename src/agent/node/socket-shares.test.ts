import { expect, it } from 'vitest';
import { socketShares } from './socket-shares.ts';

it.each([
  { capacity: 262_144, endpoints: 256, quota: 32_768 },
  { capacity: 65_536, endpoints: 1024, quota: 1000 },
  { capacity: 1024, endpoints: 110, quota: 10_000 },
])('what is guaranteed is there when all that is common is taken: %j', (options) => {
  const { sockCommon, sockGuaranteed, sockNode, sockQuota } = socketShares(options);
  expect(sockCommon + sockGuaranteed * options.endpoints + 2 * sockNode).toBeLessThan(options.capacity);
  expect(sockGuaranteed).toBeGreaterThan(0);
  expect(sockGuaranteed).toBeLessThanOrEqual(sockQuota);
});
