import { createServer } from 'node:http';
import { errorMessage } from '../../base/index.ts';
import { inClusterConnection, KubeClient, Reflector, type ReflectorBatch, type Resource } from '../../kube/index.ts';
import type { ObjectRow } from '../../model/index.ts';
import { NAMESPACES, SERVICES, SLICES } from './rows.ts';
import { DnsServer } from './server.ts';
import { ClusterView } from './view.ts';
import { Zone } from './zone.ts';

/** The DNS of a cluster, as the process of a pod: it follows the API as the pod's service account and serves names. */

const DNS_PORT = 53;
const READY_PORT = 8181;
const DOMAIN = process.env['CLUSTER_DOMAIN'] ?? 'cluster.local';

const ending = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => ending.abort());
const { signal } = ending;

const client = new KubeClient(inClusterConnection());
const view = new ClusterView();
/** Kinds that were listed once. */
const known = new Set<string>();
const wanted = [NAMESPACES, SERVICES, SLICES].length;

async function follow<T extends ObjectRow>(
  resource: Resource<T>,
  apply: (batch: ReflectorBatch<T>) => void,
): Promise<void> {
  for await (const batch of new Reflector({ client, resource }).batches(signal)) {
    apply(batch);
    if (batch.synced) known.add(resource.kind);
  }
}

const ready = createServer((_request, response) => {
  response.writeHead(known.size === wanted ? 200 : 503).end();
});
const server = new DnsServer(new Zone(view, DOMAIN));
try {
  await server.listen('0.0.0.0', DNS_PORT);
  ready.listen(READY_PORT);
  await Promise.all([
    follow(NAMESPACES, (batch) => view.applyNamespaces(batch)),
    follow(SERVICES, (batch) => view.applyServices(batch)),
    follow(SLICES, (batch) => view.applySlices(batch)),
  ]);
} catch (error) {
  process.stderr.write(`${errorMessage(error)}\n`);
  process.exitCode = 1;
}
server.close();
ready.close();
client.close();
