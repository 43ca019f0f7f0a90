import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addrFromValue } from './addr.ts';
import { Prefix } from './prefix.ts';
import { parseSloppyCidr } from './sloppy-cidr.ts';

describe('what Kubernetes reads as a prefix', () => {
  test.each([
    ['10.0.0.0/8', '10.0.0.0/8', false],
    ['010.0.0.0/8', '10.0.0.0/8', false],
    ['0000010.000.00.0/08', '10.0.0.0/8', false],
    ['10.1.2.3/0008', '10.0.0.0/8', true],
    ['0.0.0.0/0', '0.0.0.0/0', false],
    ['::ffff:192.0.2.0/120', '192.0.2.0/24', false],
    ['::ffff:c000:0201/120', '192.0.2.0/24', true],
    ['::FFFF:0:0/96', '0.0.0.0/0', false],
    ['::ffff:192.0.2.1/95', '::fffe:0:0/95', true],
    ['::192.0.2.0/120', '::c000:200/120', false],
    ['::192.0.02.000/120', '::c000:200/120', false],
    ['64:ff9b::192.0.2.0/120', '64:ff9b::c000:200/120', false],
    ['::/0', '::/0', false],
    ['::/00', '::/0', false],
    ['2001:0db8::/32', '2001:db8::/32', false],
    ['002001:db8::1/32', '2001:db8::/32', true],
    ['1:2:3:4:5:6:7:8/128', '1:2:3:4:5:6:7:8/128', false],
    ['1:2:3:4:5:6:7::/128', '1:2:3:4:5:6:7:0/128', false],
    ['1:2:3:4:5:6:1.2.3.4/128', '1:2:3:4:5:6:102:304/128', false],
  ])('%s is %s', (text, meaning, hostBits) => {
    const found = parseSloppyCidr(text);
    expect([found?.prefix.toString(), found?.hostBits]).toEqual([meaning, hostBits]);
  });

  test.each([
    '',
    '/',
    '10.0.0.0',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/+8',
    '10.0.0.0/8 ',
    ' 10.0.0.0/8',
    '10.0.0/8',
    '10.0.0.256/8',
    '0x0a.0.0.0/8',
    '10.0.0.0.0/8',
    '10.0.0.0/8/8',
    '10..0.0/8',
    '::/129',
    ':::/0',
    '1::2::3/64',
    '1:2:3:4:5:6:7:8::/128',
    '1:2:3:4:5:6:7/128',
    '1.2.3.4::/64',
    '::1.2.3.4:5/64',
    ':1::/64',
    '1:/64',
    'fe80::1%eth0/64',
    '::g/64',
    '::12345/64',
    '16777215.0.0.0/8',
    'example.com/8',
  ])('%j is none', (text) => expect(parseSloppyCidr(text)).toBeUndefined());

  test('every prefix that the strict parser reads means the same to it', () => {
    const strict = fc
      .constantFrom(4 as const, 6 as const)
      .chain((family) =>
        fc.tuple(
          fc.bigInt({ min: 0n, max: family === 4 ? 0xffff_ffffn : (1n << 128n) - 1n }),
          fc.integer({ min: 0, max: family === 4 ? 32 : 128 }),
          fc.constant(family),
        ),
      );
    fc.assert(
      fc.property(strict, ([value, length, family]) => {
        const text = `${addrFromValue(family, value)}/${length}`;
        const found = parseSloppyCidr(text)?.prefix;
        expect(found?.toString()).toBe(Prefix.parse(text, { hostBits: 'clear' }).toString());
      }),
    );
  });
});
