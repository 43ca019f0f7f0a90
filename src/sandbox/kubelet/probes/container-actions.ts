import { attempt } from '../../machine/index.ts';
import type { ExecTarget } from '../container-runner.ts';
import { execArgv, podEnvironment } from '../isolation.ts';
import { grpcProbe, httpProbe, type Place, tcpProbe } from './network-actions.ts';
import { failed, type ProbeActions, type ProbeResult, WENT_WELL } from './probe-actions.ts';

/** Longer than any probe's limit: a hook that has none. */
const A_DAY_MS = 86_400_000;

/** Probes and hooks of one container. `target`: undefined while it does not run. */
export function containerActions(netns: string, ip: string, target: () => ExecTarget | undefined): ProbeActions {
  const at = (host: string | undefined): Place => ({ netns, ip: host === undefined || host === '' ? ip : host });
  return {
    exec: (command, timeoutMs) => execProbe(target(), command, timeoutMs),
    tcp: (host, port, timeoutMs) => tcpProbe(at(host), port, timeoutMs),
    http: (asked, timeoutMs) => httpProbe(at(asked.host), asked, timeoutMs),
    grpc: (port, service, timeoutMs) => grpcProbe(at(undefined), port, service, timeoutMs),
  };
}

async function execProbe(
  target: ExecTarget | undefined,
  command: readonly string[],
  timeoutMs: number,
): Promise<ProbeResult> {
  if (target === undefined) return failed('container not running');
  const seconds = timeoutMs / 1_000;
  // From within: whoever is killed from outside leaves what it started in the container.
  const limit = timeoutMs < A_DAY_MS ? ['timeout', '--signal=KILL', String(seconds)] : [];
  const begun = Date.now();
  const argv = execArgv({ ...target, argv: [...limit, ...command] });
  const result = await attempt(argv, { env: podEnvironment(target.env), timeoutMs: 2 ** 31 - 1 }).catch(
    () => undefined,
  );
  if (result === undefined) return failed('the command could not be started');
  if (result.code === 0) return WENT_WELL;
  if (Date.now() - begun >= timeoutMs)
    return failed(`command timed out: "${command.join(' ')}" timed out after ${seconds}s`);
  return failed((result.stdout + result.stderr).trim());
}
