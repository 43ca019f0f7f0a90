import { describe, expect, it } from 'vitest';
import { ATTACKS, selectAttacks } from './catalogue.ts';
import { renderChapter, renderJson, renderLine, renderSummary, styleFor } from './render.ts';
import { exitCodeOf } from './run.ts';
import { dropsSince, dropsText, sumDrops, totalDrops } from './stage/drops.ts';
import { type AttackLine, plural } from './stage/line.ts';

const line: AttackLine = {
  id: '3.vlan',
  claim: 'a claim',
  tried: 'something',
  expected: 'nothing',
  seen: '25 frames',
  held: true,
  decidedBy: 'vlan 25',
};
const plain = { colour: false };

describe('lines as people read them', () => {
  it('say claim, tried, expected, seen and who decided', () => {
    expect(renderLine(line, plain)).toBe(
      [
        '  held   a claim [3.vlan]',
        '           tried      something',
        '           expected   nothing',
        '           seen       25 frames',
        '           decided by vlan 25',
        '',
      ].join('\n'),
    );
  });

  it('cannot steer the terminal', () => {
    const text = renderLine({ ...line, seen: '\u001b[2Jgone\u202e' }, plain);
    expect(text).not.toContain('\u001b');
    expect(text).toContain(String.raw`\x1b[2Jgone\u202e`);
    expect(JSON.parse(renderJson({ ...line, seen: '\u001b[2J' }))).toMatchObject({ seen: '\u001b[2J' });
  });

  it('are counted by attack', () => {
    const broken = { ...line, held: false };
    const untried: AttackLine = { ...broken, untried: true };
    expect(renderChapter([line, line], plain)).toBe('  held 2/2\n');
    expect(renderChapter([line, broken, untried], plain)).toBe('  held 1/3, 1 could not be tried\n');
    const codes = [[line], [line, untried], [broken, untried]].map((lines) => renderChapter(lines, { colour: true }));
    expect(codes.map((text) => /\[(\d+)m/.exec(text)?.[1])).toEqual(['32', '33', '31']);
  });

  it('name what is broken', () => {
    expect(renderSummary([line], plain)).toBe('\n1 claim tried, every one held\n');
    expect(renderSummary([line, { ...line, id: '2.hard', held: false }], plain)).toBe(
      '\n2 claims tried, 1 did NOT hold: 2.hard\n',
    );
  });

  it('tell what could not be tried from what is broken, also by the exit code', () => {
    const untried: AttackLine = { ...line, id: '4.failed', held: false, untried: true };
    const broken = { ...line, id: '2.hard', held: false };
    expect(renderLine(untried, plain)).toMatch(/^ {2}unsure a claim/);
    expect(renderSummary([line, untried], plain)).toBe(
      '\n1 claim tried, every one held, 1 could not be tried: 4.failed\n',
    );
    expect(renderSummary([line, untried, broken], plain)).toBe(
      '\n2 claims tried, 1 did NOT hold: 2.hard, 1 could not be tried: 4.failed\n',
    );
    expect([[line], [line, untried], [untried, broken], [broken]].map(exitCodeOf)).toEqual([0, 5, 1, 1]);
  });

  it.each([
    [{ isTTY: true }, {}, true],
    [{ isTTY: true }, { NO_COLOR: '1' }, false],
    [{ isTTY: true }, { NO_COLOR: '' }, true],
    [{ isTTY: false }, {}, false],
    [{}, {}, false],
  ])('are coloured for %o with %o: %s', (stream, env, colour) => {
    expect(styleFor(stream, env)).toEqual({ colour });
  });
});

describe('the choice of attacks', () => {
  it('is all of them, in order, when nothing is named', () => {
    const numbers = selectAttacks([]).map(({ number }) => number);
    expect(numbers).toEqual(ATTACKS.map((_, index) => index + 1));
  });

  it('takes names and numbers, each once, in the order of the demonstration', () => {
    expect(selectAttacks(['8', 'chaos', '2']).map((attack) => attack.name)).toEqual(['chaos', 'footprint']);
  });

  it('refuses what does not exist and says what does', () => {
    expect(() => selectAttacks(['99'])).toThrow(/no such attack: 99; there are 1 or reach, 2 or chaos/);
    expect(new Set(ATTACKS.map((attack) => attack.name)).size).toBe(ATTACKS.length);
  });
});

describe('drop counts', () => {
  it('leave out reasons that did not move', () => {
    expect(dropsSince({ vlan: 3, malformed: 1 }, { vlan: 5, malformed: 1, 'not-ready': 2 })).toEqual({
      vlan: 2,
      'not-ready': 2,
    });
  });

  it('add up and read largest first', () => {
    const sum = sumDrops({ vlan: 1 }, { vlan: 2, malformed: 1_200 });
    expect(dropsText(sum)).toBe('malformed 1,200, vlan 3');
    expect(totalDrops(sum)).toBe(1_203);
  });

  it('are counted in words', () => {
    expect([plural(0, 'frame'), plural(1, 'frame'), plural(1_000, 'frame')]).toEqual([
      '0 frames',
      '1 frame',
      '1,000 frames',
    ]);
  });
});
