import type { Container, LifecycleHandler } from '../../client/index.ts';
import { type ProbeActions, type ProbeResult, runHandler, WENT_WELL } from '../probes/probe-actions.ts';

/** A hook has no limit of its own: preStop has the grace, postStart the container's life. */
const NO_LIMIT_MS = 2 ** 31 - 1;

/** Does what a hook says. Never rejects. `sleep`: waits so many ms, or until somebody has enough. */
export async function runHook(
  container: Container,
  hook: LifecycleHandler,
  options: { readonly actions: ProbeActions; readonly sleep: (ms: number) => Promise<void>; readonly limitMs?: number },
): Promise<ProbeResult> {
  if (hook.sleep !== undefined) {
    await options.sleep(hook.sleep.seconds * 1_000);
    return WENT_WELL;
  }
  // As in Kubernetes, where a tcpSocket hook is kept for old manifests and does nothing.
  const { exec, httpGet } = hook;
  return runHandler(container, { exec, httpGet }, options.actions, options.limitMs ?? NO_LIMIT_MS);
}
