import net from 'node:net';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import type { Endpoint } from './gen/flow/flow_pb.js';
import { Observer } from './gen/observer/observer_pb.js';

/** An end as a client of Hubble reads it; `''`: not told, or no pod. */
export type HeardEnd = { readonly namespace: string; readonly pod: string; readonly labels: readonly string[] };

export type HeardFlow = {
  readonly source: HeardEnd;
  readonly destination: HeardEnd;
  /** TCP and UDP only. */
  readonly destinationPort: number | undefined;
  readonly summary: string;
};

/** What comes from now on, as whoever the token is of may see it; rejects as the server ends it. */
export async function* hearFlows(
  { socketPath, token }: { readonly socketPath: string; readonly token: string },
  signal: AbortSignal,
): AsyncGenerator<HeardFlow> {
  const transport = createGrpcTransport({
    baseUrl: 'http://localhost',
    nodeOptions: { createConnection: () => net.connect({ path: socketPath }) },
  });
  const headers = { authorization: `Bearer ${token}` };
  const responses = createClient(Observer, transport).getFlows({ follow: true }, { signal, headers });
  for await (const { responseTypes } of responses) {
    if (responseTypes.case !== 'flow') continue;
    const { source, destination, l4, Summary: summary } = responseTypes.value;
    const { protocol } = l4 ?? {};
    const destinationPort =
      protocol?.case === 'TCP' || protocol?.case === 'UDP' ? protocol.value.destinationPort : undefined;
    yield { source: endOf(source), destination: endOf(destination), destinationPort, summary };
  }
}

const endOf = (end: Endpoint | undefined): HeardEnd => ({
  namespace: end?.namespace ?? '',
  pod: end?.podName ?? '',
  labels: end?.labels ?? [],
});
