import { SockDiag } from '../../datapath/index.ts';
import { type ProbedApi, type ProbeTarget, probeApi } from './api-probe.ts';

export type ApiFacts = {
  readonly apis: readonly ProbedApi[];
  readonly probed: number;
  /** Listening ports that there was no time or room for. */
  readonly skipped: number;
};

/** Where API servers and their proxies listen by custom: these are asked first. */
const USUAL_PORTS = [8080, 6443, 443, 8443, 8001, 16_443];
const MAX_TARGETS = 64;
const AT_ONCE = 8;
/** The least that a busy server needs; a port that says nothing costs this twice. */
const REQUEST_MS = 500;
const ALL_MS = 5_000;

/** Asks what listens in this network namespace, and the API server of the agent. Throws E_DATAPATH_NETLINK. */
export async function apiFacts(configured: ProbeTarget): Promise<ApiFacts> {
  using sockets = SockDiag.open();
  const listening = await sockets.listening();
  const targets = probeTargets(
    configured,
    listening.map(({ local, localPort }) => ({ host: local, port: localPort })),
  );
  const signal = AbortSignal.timeout(ALL_MS);
  const apis: ProbedApi[] = [];
  let probed = 0;
  const work = targets.slice(0, MAX_TARGETS)[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (const target of work) {
      if (signal.aborted) return;
      const api = await probeApi(target, { timeoutMs: REQUEST_MS, signal });
      if (!signal.aborted) probed += 1;
      if (api !== undefined) apis.push(api);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return { apis, probed, skipped: targets.length - probed };
}

/**
 * Each address and port once: the agent's own API server first, then the usual ports. Who listens on every address is
 * asked on loopback.
 */
export function probeTargets(configured: ProbeTarget, listening: readonly ProbeTarget[]): ProbeTarget[] {
  const nameOf = ({ host, port }: ProbeTarget): string => `${host} ${port}`;
  const found = new Map([[nameOf(configured), configured]]);
  for (const { host, port } of listening) {
    const target = { host: host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host, port };
    if (!found.has(nameOf(target))) found.set(nameOf(target), target);
  }
  const rank = (target: ProbeTarget): number => {
    const at = USUAL_PORTS.indexOf(target.port);
    return target === configured ? -1 : at === -1 ? USUAL_PORTS.length : at;
  };
  return [...found.values()].toSorted((a, b) => rank(a) - rank(b) || a.port - b.port);
}
