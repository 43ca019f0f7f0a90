import type { Clock } from '../../../base/index.ts';
import type { Probe } from '../../client/index.ts';
import type { ProbeResult } from './probe-actions.ts';
import { ProbeCount } from './probe-count.ts';

export type ProberOptions = {
  readonly probe: Probe;
  /** The verdict before the first result. */
  readonly initial?: boolean;
  /**
   * A container that has just started is asked more often until it succeeds for the first time, so that a long period does
   * not delay it. Only for what counts successes.
   */
  readonly eager?: boolean;
  readonly clock: Clock;
  /** When the container started, from which the initial delay counts. */
  readonly startedAt: number;
  readonly signal: AbortSignal;
  /** One attempt, in ms. Never rejects. */
  readonly attempt: (timeoutMs: number) => Promise<ProbeResult>;
  /** Of each failure at the probe's own pace. */
  readonly onFailure: (output: string) => void;
  readonly onVerdict: (success: boolean) => void;
};

const FIRST_RETRY_MS = 50;

/** Probes until the signal is aborted and tells of every change of the verdict. */
export async function probeUntil(options: ProberOptions): Promise<void> {
  const { probe, clock, signal } = options;
  const count = new ProbeCount(probe, options.initial);
  const periodMs = probe.periodSeconds * 1_000;
  const wait = (ms: number): Promise<void> => clock.sleep(ms, signal).catch(() => undefined);
  let early = options.eager === true ? FIRST_RETRY_MS : periodMs;
  const delay = Math.max(0, options.startedAt + probe.initialDelaySeconds * 1_000 - clock.now());
  let nextTick = clock.now() + delay;
  if (delay > 0) await wait(delay);
  while (!signal.aborted) {
    const isTick = clock.now() >= nextTick;
    if (isTick) nextTick += periodMs;
    const result = await options.attempt(probe.timeoutSeconds * 1_000);
    if (signal.aborted) return;
    if (!result.ok && isTick) options.onFailure(result.output);
    if (count.add(result.ok)) options.onVerdict(result.ok);
    const untilTick = Math.max(0, nextTick - clock.now());
    await wait(count.verdict === true ? untilTick : Math.min(untilTick, early));
    early *= 2;
  }
}
