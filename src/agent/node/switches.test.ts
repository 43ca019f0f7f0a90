import { expect, test } from 'vitest';
import { SWITCHES } from '../../datapath/index.ts';
import { parseConfig } from './config.ts';
import { switchesOf } from './switches.ts';

const of = (changes: object) => switchesOf(parseConfig({ nodeName: 'n', ...changes }));

test('every switch of the datapath is said', () => {
  expect(Object.keys(of({})).toSorted()).toEqual(SWITCHES.toSorted());
});

test.each([
  [{}, ['enableIpv6', 'enableOverlay', 'enableNative', 'enableStack']],
  [{ routing: 'native' }, ['enableIpv6', 'enableOverlay', 'enableStack']],
  [{ routing: 'tunnel' }, ['enableIpv6', 'enableNative', 'enableStack']],
  [
    { enableEvents: false, enableFragments: false },
    ['enableIpv6', 'enableOverlay', 'enableNative', 'enableStack', 'enableEvents', 'enableFragments'],
  ],
  [{ enableServices: false }, ['enableIpv6', 'enableOverlay', 'enableNative', 'enableServices', 'enableRefusals']],
  [
    { refuseWithoutBackends: false, cidrSelects: [] },
    ['enableIpv6', 'enableOverlay', 'enableNative', 'enableStack', 'enableCidrSelects', 'enableRefusals'],
  ],
  [{ policyEnforcement: 'never' }, ['enableIpv6', 'enableOverlay', 'enableNative', 'enableStack', 'enablePolicy']],
])('%j turns off what it says', (changes, off) => {
  const switches = of(changes);
  expect(SWITCHES.filter((name) => !switches[name])).toEqual(SWITCHES.filter((name) => off.includes(name)));
});
