import { Cron } from 'croner';

/** When something is to happen, again and again. Times are ms since the epoch. */
export type CronSchedule = {
  /** The first time after `from`; `undefined`: never again. */
  next(from: number): number | undefined;
  /** The last time after `after`, and not after `now`. `undefined`: there was none. */
  latest(after: number, now: number): number | undefined;
};

/** Lowest and highest value of each field: minute, hour, day of the month, month, day of the week. */
const RANGES = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 6],
] as const;
const MACROS = new Set(['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly']);
const FIELD = /^[0-9A-Za-z*?,/-]+$/;
const NAMES = /^(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat)$/i;
const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/** Reads the schedule of a CronJob as Kubernetes does; throws an Error that says what is wrong. `zone`: IANA, default UTC. */
export function cronSchedule(text: string, zone = 'UTC'): CronSchedule {
  if (text.startsWith('@every ')) return everySchedule(text.slice('@every '.length));
  if (text.startsWith('@')) {
    if (!MACROS.has(text)) throw new Error(`unrecognized descriptor: ${text}`);
    return scheduleOf(new Cron(text === '@midnight' ? '@daily' : text, { timezone: zone, paused: true }));
  }
  const fields = text.trim().split(/\s+/);
  if (fields.length !== RANGES.length) {
    throw new Error(`expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`);
  }
  const plain = fields.map((field, index) => normalField(field, RANGES[index] ?? RANGES[0]));
  return scheduleOf(new Cron(plain.join(' '), { timezone: zone, paused: true, mode: '5-part' }));
}

/** In the words that both readers of schedules agree on; `N/S` is from N on. */
function normalField(field: string, [low, high]: readonly [number, number]): string {
  if (!FIELD.test(field)) throw new Error(`failed to parse int from ${field}`);
  return field
    .split(',')
    .map((part) => {
      const [range = '', step, ...more] = part.split('/');
      if (more.length > 0) throw new Error(`too many slashes: ${part}`);
      for (const word of range.split('-')) checkWord(word, low, high);
      if (step !== undefined && !/^[1-9]\d*$/.test(step))
        throw new Error(`step of range should be a positive number: ${part}`);
      const start = range === '?' ? '*' : range;
      if (step === undefined) return start;
      return `${start === '*' || start.includes('-') ? start : `${start}-${high}`}/${step}`;
    })
    .join(',');
}

function checkWord(word: string, low: number, high: number): void {
  if (word === '*' || word === '?' || NAMES.test(word)) return;
  if (!/^\d+$/.test(word)) throw new Error(`failed to parse int from ${word}`);
  if (Number(word) > high) throw new Error(`end of range (${word}) above maximum (${high}): ${word}`);
  if (Number(word) < low) throw new Error(`beginning of range (${word}) below minimum (${low}): ${word}`);
}

function scheduleOf(cron: Cron): CronSchedule {
  return {
    next: (from) => cron.nextRun(new Date(from))?.getTime(),
    latest: (after, now) => {
      // What is asked for lies before the reference, and a run at this very second counts.
      const [last] = cron.previousRuns(1, new Date(Math.floor(now / 1_000) * 1_000 + 1_000));
      const time = last?.getTime();
      return time !== undefined && time > after && time <= now ? time : undefined;
    },
  };
}

function everySchedule(duration: string): CronSchedule {
  const parts = [...duration.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)];
  const period = Math.max(
    1_000,
    parts.reduce((sum, [, number, unit = '']) => sum + Number(number) * (UNITS[unit] ?? 0), 0),
  );
  if (parts.map(([whole]) => whole).join('') !== duration || duration === '') {
    throw new Error(`failed to parse duration @every ${duration}`);
  }
  const whole = (time: number): number => Math.floor(time / 1_000) * 1_000;
  return {
    next: (from) => whole(from) + period,
    latest: (after, now) => {
      const runs = Math.floor((now - whole(after)) / period);
      return runs < 1 ? undefined : whole(after) + runs * period;
    },
  };
}

/** Whether the machine knows a time zone by this name. */
export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
