import { readFileSync } from 'node:fs';
import { type Clock, systemClock } from '../base/index.ts';

/** How long one reading of the difference is good: the wall clock may be set. */
const SAMPLE_EVERY_MS = 1_000;
/** How fast the difference may grow back, per sample: a wall clock that was stepped is followed within a minute. */
const CREEP_MS = 0.2;
const STEP_MS = 50;

/**
 * From the kernel's boot clock to the wall clock. /proc/uptime counts hundredths of a second, cut off, so a reading is up
 * to 10 ms late: the smallest of many readings is the best.
 */
export class BootClock {
  readonly #clock: Clock;
  readonly #uptime: () => number;
  #bootedAt = Number.NaN;
  #sampledAt = Number.NEGATIVE_INFINITY;

  constructor(options: { clock?: Clock; uptimeSeconds?: () => number } = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#uptime = options.uptimeSeconds ?? uptimeSeconds;
  }

  /** Milliseconds since the epoch for nanoseconds of CLOCK_BOOTTIME. */
  toWall(bootNs: number): number {
    return this.#booted() + bootNs / 1e6;
  }

  /** The other way round. */
  toBoot(wallMs: number): number {
    return (wallMs - this.#booted()) * 1e6;
  }

  #booted(): number {
    const now = this.#clock.now();
    if (Math.abs(now - this.#sampledAt) > SAMPLE_EVERY_MS) this.#sample(now);
    return this.#bootedAt;
  }

  #sample(now: number): void {
    this.#sampledAt = now;
    const reading = now - this.#uptime() * 1000;
    const stepped = Number.isNaN(this.#bootedAt) || Math.abs(reading - this.#bootedAt) > STEP_MS;
    this.#bootedAt = stepped ? reading : Math.min(this.#bootedAt + CREEP_MS, reading);
  }
}

function uptimeSeconds(): number {
  return Number.parseFloat(readFileSync('/proc/uptime', 'ascii'));
}
