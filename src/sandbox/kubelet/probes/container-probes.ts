import type { Clock } from '../../../base/index.ts';
import type { Container, Probe } from '../../client/index.ts';
import { type ProbeActions, runHandler } from './probe-actions.ts';
import { probeUntil } from './prober.ts';

export type ProbeKind = 'Startup' | 'Liveness' | 'Readiness';

export type ContainerProbesOptions = {
  readonly container: Container;
  readonly actions: ProbeActions;
  readonly clock: Clock;
  readonly startedAt: number;
  /** Aborted when the container has ended, or is to. */
  readonly signal: AbortSignal;
  /** Its startup probe succeeded, or it has none. */
  readonly onStarted: () => void;
  readonly onReady: (ready: boolean) => void;
  readonly onFailure: (kind: ProbeKind, output: string) => void;
  /** The container is to be ended for it. */
  readonly onDead: (kind: 'Startup' | 'Liveness', probe: Probe) => void;
};

/** The three probes of a running container: nothing else is asked before the startup probe has succeeded. */
export async function watchContainer(options: ContainerProbesOptions): Promise<void> {
  const { container, signal } = options;
  const { startupProbe, livenessProbe, readinessProbe } = container;
  if (startupProbe !== undefined && !(await startedUp(options, startupProbe))) return;
  if (signal.aborted) return;
  options.onStarted();
  if (readinessProbe === undefined) options.onReady(true);
  const dead = new AbortController();
  const alive = AbortSignal.any([signal, dead.signal]);
  await Promise.all([
    livenessProbe !== undefined &&
      watch({ ...options, signal: alive }, 'Liveness', livenessProbe, true, (success) => {
        if (success) return;
        dead.abort();
        options.onDead('Liveness', livenessProbe);
      }),
    readinessProbe !== undefined && watch(options, 'Readiness', readinessProbe, false, options.onReady),
  ]);
}

async function startedUp(options: ContainerProbesOptions, probe: Probe): Promise<boolean> {
  const over = new AbortController();
  const signal = AbortSignal.any([options.signal, over.signal]);
  let isUp = false;
  await watch({ ...options, signal }, 'Startup', probe, undefined, (success) => {
    isUp = success;
    over.abort();
  });
  if (!isUp && !options.signal.aborted) options.onDead('Startup', probe);
  return isUp;
}

function watch(
  { container, actions, clock, startedAt, signal, onFailure }: ContainerProbesOptions,
  kind: ProbeKind,
  probe: Probe,
  initial: boolean | undefined,
  onVerdict: (success: boolean) => void,
): Promise<void> {
  return probeUntil({
    probe,
    ...(initial !== undefined && { initial }),
    eager: kind === 'Readiness',
    clock,
    startedAt,
    signal,
    attempt: (timeoutMs) => runHandler(container, probe, actions, timeoutMs),
    onFailure: (output) => onFailure(kind, output),
    onVerdict,
  });
}
