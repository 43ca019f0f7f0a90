import { expect, test } from 'vitest';
import { podMtu } from './overlay-device.ts';

test.each([
  [{ routing: 'tunnel', mtu: undefined }, 1450],
  [{ routing: 'native', mtu: undefined }, 1500],
  [{ routing: 'tunnel', mtu: 1300 }, 1300],
] as const)('%j: the MTU of pods is %d', (config, mtu) => {
  expect(podMtu(config, { mtu: 1500 })).toBe(mtu);
});
