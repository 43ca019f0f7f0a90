import { describe, expect, test } from 'vitest';
import { cronSchedule, isTimeZone } from './cron-schedule.ts';

const at = (text: string): number => Date.parse(`${text}Z`);
const shown = (time: number | undefined): string | undefined =>
  time === undefined ? undefined : new Date(time).toISOString().slice(0, 16);

test.each<[string, string, string]>([
  ['*/5 * * * *', '2026-01-01T00:00', '2026-01-01T00:05'],
  ['*/5 * * * *', '2026-01-01T00:04', '2026-01-01T00:05'],
  ['0 3 * * *', '2026-01-01T03:00', '2026-01-02T03:00'],
  ['10/20 * * * *', '2026-01-01T00:11', '2026-01-01T00:30'],
  ['0 0 13 * FRI', '2026-01-01T00:00', '2026-01-02T00:00'],
  ['0 0 13 * ?', '2026-01-01T00:00', '2026-01-13T00:00'],
  ['0 0 1 jan,jul *', '2026-01-01T00:00', '2026-07-01T00:00'],
  ['0 9-17/4 * * 1-5', '2026-01-02T17:30', '2026-01-05T09:00'],
  ['@hourly', '2026-01-01T00:30', '2026-01-01T01:00'],
  ['@midnight', '2026-01-01T00:30', '2026-01-02T00:00'],
  ['@every 90m', '2026-01-01T00:30', '2026-01-01T02:00'],
])('%s after %s', (text, from, next) => {
  expect(shown(cronSchedule(text).next(at(from)))).toBe(next);
});

test.each([
  ['x', 'expected exactly 5 fields, found 1: [x]'],
  ['* * * * * *', 'expected exactly 5 fields, found 6'],
  ['61 * * * *', 'above maximum (59)'],
  ['* * 0 * *', 'below minimum (1)'],
  ['* * * * 7', 'above maximum (6)'],
  ['*/0 * * * *', 'positive number'],
  ['* * L * *', 'failed to parse int from L'],
  ['* * * * 5#2', 'failed to parse int'],
  ['@often', 'unrecognized descriptor: @often'],
  ['@every soon', 'failed to parse duration'],
])('%s is none', (text, why) => {
  expect(() => cronSchedule(text)).toThrow(why);
});

describe('the latest of those that are due', () => {
  const schedule = cronSchedule('*/10 * * * *');
  test.each<[string, string, string | undefined]>([
    ['2026-01-01T00:00', '2026-01-01T00:09', undefined],
    ['2026-01-01T00:00', '2026-01-01T00:10', '2026-01-01T00:10'],
    ['2026-01-01T00:10', '2026-01-01T00:19', undefined],
    ['2026-01-01T00:00', '2026-06-01T12:34', '2026-06-01T12:30'],
  ])('after %s, at %s', (after, now, latest) => {
    expect(shown(schedule.latest(at(after), at(now)))).toBe(latest);
  });
});

test('times are of a zone, also where clocks change', () => {
  const berlin = cronSchedule('0 8 * * *', 'Europe/Berlin');
  expect(shown(berlin.next(at('2026-03-28T12:00')))).toBe('2026-03-29T06:00');
  expect(shown(berlin.next(at('2026-01-10T12:00')))).toBe('2026-01-11T07:00');
  expect([isTimeZone('Europe/Berlin'), isTimeZone('Europe/Nowhere')]).toEqual([true, false]);
});
