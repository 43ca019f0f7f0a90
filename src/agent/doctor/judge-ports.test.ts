import { expect, it } from 'vitest';
import { MASQUERADE_PORTS, parsePorts, UNRESERVED_PORTS } from '../node/masquerade-ports.ts';
import { judgePorts } from './judge-ports.ts';
import { bad } from './samples.ts';

it('knows when nothing is wrong', () => {
  expect(bad(judgePorts(undefined, []))).toEqual([]);
  expect(bad(judgePorts(MASQUERADE_PORTS, parsePorts('80,36864-65535\n')))).toEqual([]);
});

it('says when the node may take a port of the pods', () => {
  expect(bad(judgePorts(MASQUERADE_PORTS, parsePorts('\n')))).toEqual([
    expect.stringMatching(/^warning masquerade ports: 36864-65535 .* no longer reserved/),
  ]);
});

it('says when there are few', () => {
  expect(bad(judgePorts(UNRESERVED_PORTS, undefined))).toEqual([
    expect.stringMatching(/^warning masquerade ports: only 61000-65535/),
  ]);
});
