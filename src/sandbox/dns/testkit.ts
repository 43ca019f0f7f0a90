import { NAMESPACES, SERVICES, SLICES } from './rows.ts';
import { ClusterView } from './view.ts';

type Spec = Record<string, unknown>;

/** A cluster of a few objects, as the API sends them. */
export class TestCluster {
  readonly view = new ClusterView();

  constructor(...namespaces: string[]) {
    const upserts = namespaces.map((name) => NAMESPACES.parse({ metadata: { name } }));
    this.view.applyNamespaces({ upserts, deletes: [] });
  }

  service(name: string, namespace: string, spec: Spec): void {
    this.view.applyServices({ upserts: [SERVICES.parse({ metadata: { name, namespace }, spec })], deletes: [] });
  }

  slice(service: string, namespace: string, endpoints: readonly Spec[], ports: readonly Spec[], name = service): void {
    const metadata = { name, namespace, labels: { 'kubernetes.io/service-name': service } };
    const row = SLICES.parse({ metadata, addressType: 'IPv4', endpoints, ports });
    this.view.applySlices({ upserts: [row], deletes: [] });
  }
}
