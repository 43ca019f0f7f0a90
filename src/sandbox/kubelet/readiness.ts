import { systemClock } from '../../base/index.ts';
import type { Container, Probe } from '../client/index.ts';

/** What a probe needs done; each resolves to whether it went well. Never throws. */
export type ProbeActions = {
  exec(command: readonly string[], timeoutMs: number): Promise<boolean>;
  /** From the node's network namespace, as a kubelet does. */
  tcp(port: number, timeoutMs: number): Promise<boolean>;
  http(port: number, path: string, timeoutMs: number): Promise<boolean>;
};

/** A port by number or by its name in the container; `undefined` when there is no such name. */
export function probePort(container: Container, port: number | string): number | undefined {
  return typeof port === 'number' ? port : container.ports.find((p) => p.name === port)?.containerPort;
}

export async function runProbe(container: Container, probe: Probe, actions: ProbeActions): Promise<boolean> {
  const timeoutMs = probe.timeoutSeconds * 1_000;
  if (probe.exec !== undefined) return actions.exec(probe.exec.command, timeoutMs);
  if (probe.tcpSocket !== undefined) {
    const port = probePort(container, probe.tcpSocket.port);
    return port !== undefined && actions.tcp(port, timeoutMs);
  }
  if (probe.httpGet !== undefined) {
    const port = probePort(container, probe.httpGet.port);
    return port !== undefined && actions.http(port, probe.httpGet.path ?? '/', timeoutMs);
  }
  return true;
}

/** Counts successes and failures in a row against the thresholds. Starts unready. */
export class ReadinessCount {
  ready = false;
  readonly #probe: Pick<Probe, 'successThreshold' | 'failureThreshold'>;
  #row = 0;
  #last: boolean | undefined;

  constructor(probe: Pick<Probe, 'successThreshold' | 'failureThreshold'>) {
    this.#probe = probe;
  }

  /** True when readiness has changed. */
  add(success: boolean): boolean {
    this.#row = success === this.#last ? this.#row + 1 : 1;
    this.#last = success;
    const wanted = success ? this.#probe.successThreshold : this.#probe.failureThreshold;
    if (success === this.ready || this.#row < wanted) return false;
    this.ready = success;
    return true;
  }
}

const FIRST_RETRY_SECONDS = 0.05;

/** Probes until the signal is aborted and tells of every change. */
export async function watchReadiness(
  container: Container,
  probe: Probe,
  options: { actions: ProbeActions; onChange: (ready: boolean) => void; signal: AbortSignal },
): Promise<void> {
  const { signal } = options;
  const count = new ReadinessCount(probe);
  const wait = (seconds: number): Promise<void> => systemClock.sleep(seconds * 1_000, signal).catch(() => undefined);
  let early = FIRST_RETRY_SECONDS;
  await wait(probe.initialDelaySeconds);
  while (!signal.aborted) {
    const success = await runProbe(container, probe, options.actions);
    if (!signal.aborted && count.add(success)) options.onChange(count.ready);
    // A container that has just started is asked more often at first, so that a long period does not delay it.
    await wait(count.ready ? probe.periodSeconds : Math.min(probe.periodSeconds, early));
    early *= 2;
  }
}
