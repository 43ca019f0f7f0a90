import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { metricsServer } from '../api/index.ts';
import { type Lifecycle, type Logger, namespacedName, type Service, systemClock } from '../base/index.ts';
import { createRegistry } from '../base/metrics.ts';
import { IdentityCollection } from '../identity/index.ts';
import {
  EventObjects,
  findConnection,
  IdentityObjects,
  IdentityReceipts,
  KubeClient,
  LeaseObject,
  MirrorObjects,
  SecretObject,
  TenantObjects,
} from '../kube/index.ts';
import { ClusterView } from './cluster-view.ts';
import { Collector } from './collector.ts';
import type { OperatorConfig } from './config.ts';
import { HubbleKeeper } from './hubble-keeper.ts';
import { LeaderElection } from './leader-election.ts';
import { OperatorMetrics } from './metrics.ts';
import { MirrorKeeper } from './mirror-keeper.ts';
import { ReceiptSweep } from './receipt-sweep.ts';
import { TenantKeeper } from './tenant-keeper.ts';
import { TenantView } from './tenant-view.ts';

/** One operator, wired by hand. */
export async function startOperator(config: OperatorConfig, lifecycle: Lifecycle, log: Logger): Promise<void> {
  const connection = findConnection(config);
  const client = new KubeClient(connection);
  const clock = systemClock;
  const registry = createRegistry();
  const metrics = new OperatorMetrics(registry);
  const view = new ClusterView({ client, watchSeconds: config.watchSeconds, clock, log });
  const { grace, rest, interval, namespaceShare } = config.identity;
  const receipts = new IdentityReceipts(client);
  const collection = (): IdentityCollection =>
    new IdentityCollection({
      store: new IdentityObjects(client),
      receipts: async () => await receipts.list(),
      clock,
      grace: grace * 1_000,
      rest: rest * 1_000,
      namespaceShare: namespaceShare / 100,
    });
  const sweep = (): ReceiptSweep => new ReceiptSweep({ receipts, view, clock, log });
  const collector = new Collector({ collection, sweep, view, metrics, intervalMs: interval * 1_000, clock, log });
  const tenants = new TenantView({ client, watchSeconds: config.watchSeconds, clock, log });
  const keeper = new TenantKeeper({
    view: tenants,
    store: new TenantObjects(client),
    events: new EventObjects(client),
    metrics,
    host: hostname(),
    settings: config.tenancy,
    intervalMs: 500,
    clock,
    log,
  });
  const mirrors = new MirrorKeeper({
    view: tenants,
    store: new MirrorObjects(client),
    enabled: config.mirrors,
    settings: config.tenancy,
    intervalMs: 1_000,
    clock,
    log,
  });
  const { name, namespace = connection.namespace, seconds } = config.lease;
  const { relayNamespace } = config.hubble;
  const secret = (inside: string, of: string) => new SecretObject(client, { namespace: inside, name: of });
  const certificates = config.hubble.certificates
    ? [
        new HubbleKeeper({
          authority: secret(namespace, 'membrane-hubble-ca'),
          nodes: secret(namespace, 'membrane-hubble-node'),
          relay: secret(relayNamespace, 'hubble-relay'),
          relayNamespace,
          intervalMs: 60_000,
          clock,
          log,
        }),
      ]
    : [];
  const identity = `${hostname()}_${randomUUID()}`;
  const lease = new LeaseObject(client, { name, namespace });
  const election = new LeaderElection({ lease, identity, seconds, clock, log });
  const leading: Service = {
    start: async (life) =>
      life.spawn('leader election', async (signal) => {
        await election.run(async (term) => {
          metrics.leads(true);
          await Promise.all([
            collector.run(term),
            keeper.run(term),
            mirrors.run(term),
            ...certificates.map((one) => one.run(term)),
          ]).finally(() => metrics.leads(false));
        }, signal);
      }),
    stop: async () => client.close(),
  };
  await lifecycle.start(
    ...(config.metrics.enabled ? [metricsServer(registry, config.metrics)] : []),
    view,
    tenants,
    leading,
  );
  log.info({ server: client.server, lease: namespacedName({ namespace, name }), identity }, 'operator runs');
}
