import { expect, test } from 'vitest';
import { SWITCHES } from '../../datapath/index.ts';
import { parseConfig } from './config.ts';
import { switchesOf } from './switches.ts';

const of = (changes: object) => switchesOf(parseConfig({ nodeName: 'n', ...changes }));
const DEFAULT = of({});
const NAMED = SWITCHES.filter((name) => name in parseConfig({ nodeName: 'n' }));

test('every switch of the datapath is said', () => {
  expect(Object.keys(DEFAULT).toSorted()).toEqual(SWITCHES.toSorted());
});

test('who says nothing has policy and services, and no way to other nodes', () => {
  expect(DEFAULT).toMatchObject({
    enablePolicy: true,
    enableCidrSelects: true,
    enableServices: true,
    enableRefusals: true,
    enableStack: false,
    enableOverlay: false,
    enableNative: false,
    enableIpv6: false,
  });
});

test.each(NAMED)('%s is what the key of its name says', (name) => {
  for (const on of [true, false]) expect(of({ [name]: on })[name]).toBe(on);
});

test.each([
  [{ routing: 'native' }, ['enableNative']],
  [{ routing: 'tunnel' }, ['enableOverlay']],
  [{ enableEvents: false, enableFragments: false }, ['enableEvents', 'enableFragments']],
  [{ enableServices: false }, ['enableServices', 'enableRefusals', 'enableStack']],
  [{ refuseWithoutBackends: false, cidrSelects: [] }, ['enableCidrSelects', 'enableRefusals']],
  [{ policyEnforcement: 'never' }, ['enablePolicy']],
])('%j turns what it says, and nothing else', (changes, turned) => {
  const switches = of(changes);
  expect(SWITCHES.filter((name) => switches[name] !== DEFAULT[name]).toSorted()).toEqual(turned.toSorted());
});
