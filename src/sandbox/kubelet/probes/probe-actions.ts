import type { Container, Probe } from '../../client/index.ts';

/** How an attempt went; `output` is what an event says of a failure. */
export type ProbeResult = { readonly ok: true } | { readonly ok: false; readonly output: string };

export type HttpTarget = {
  /** The pod's own address when left out. */
  readonly host: string | undefined;
  readonly port: number;
  readonly path: string;
  readonly isTls: boolean;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
};

/** What probes and hooks need done. Connections come from the node's network namespace, as a kubelet's. None throws. */
export type ProbeActions = {
  exec(command: readonly string[], timeoutMs: number): Promise<ProbeResult>;
  tcp(host: string | undefined, port: number, timeoutMs: number): Promise<ProbeResult>;
  http(target: HttpTarget, timeoutMs: number): Promise<ProbeResult>;
  grpc(port: number, service: string, timeoutMs: number): Promise<ProbeResult>;
};

export const failed = (output: string): ProbeResult => ({ ok: false, output });
export const WENT_WELL: ProbeResult = { ok: true };

/** A port by number or by its name in the container; `undefined` when there is no such name. */
export function probePort(container: Container, port: number | string): number | undefined {
  return typeof port === 'number' ? port : container.ports.find((p) => p.name === port)?.containerPort;
}

/** What a probe and a hook have in common. */
export type Handler = Pick<Probe, 'exec' | 'httpGet' | 'tcpSocket' | 'grpc'>;

/** Does once what a probe or a hook says. */
export async function runHandler(
  container: Container,
  handler: Handler,
  actions: ProbeActions,
  timeoutMs: number,
): Promise<ProbeResult> {
  const { exec, httpGet, tcpSocket, grpc } = handler;
  if (exec !== undefined) return actions.exec(exec.command, timeoutMs);
  if (httpGet !== undefined) {
    const { host, path = '/', scheme, httpHeaders: headers } = httpGet;
    const port = probePort(container, httpGet.port);
    if (port === undefined) return failed(`couldn't find port: "${httpGet.port}"`);
    const isTls = scheme?.toUpperCase() === 'HTTPS';
    return actions.http({ host, port, path: path.startsWith('/') ? path : `/${path}`, isTls, headers }, timeoutMs);
  }
  if (tcpSocket !== undefined) {
    const port = probePort(container, tcpSocket.port);
    return port === undefined
      ? failed(`couldn't find port: "${tcpSocket.port}"`)
      : actions.tcp(tcpSocket.host, port, timeoutMs);
  }
  if (grpc !== undefined) return actions.grpc(grpc.port, grpc.service, timeoutMs);
  return WENT_WELL;
}
