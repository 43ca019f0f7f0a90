import { z } from 'zod';
import type { Resource } from '../../kube/index.ts';

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '');
const list = <T extends z.ZodType>(item: T) =>
  z
    .array(item)
    .nullish()
    .transform((items) => items ?? []);
const metadata = z.object({ uid: text, namespace: text, name: z.string().min(1) });
const port = z.object({
  name: text,
  protocol: text.transform((value) => value || 'TCP'),
  port: z
    .int()
    .nullish()
    .transform((value) => value ?? 0),
});

export type Port = z.infer<typeof port>;

const service = z
  .object({
    metadata,
    spec: z.object({ type: text, clusterIP: text, externalName: text, ports: list(port) }),
  })
  .transform(({ metadata: meta, spec }) => ({ ...meta, ...spec }));

export type ServiceRow = z.infer<typeof service>;

const endpoint = z.object({
  addresses: list(z.string()),
  hostname: text,
  conditions: z.object({ ready: z.boolean().nullish() }).nullish(),
});

const slice = z
  .object({
    metadata: metadata.extend({ labels: z.record(z.string(), z.string()).nullish() }),
    addressType: z.string(),
    endpoints: list(endpoint),
    ports: list(port),
  })
  .transform(({ metadata: { labels, ...meta }, addressType, endpoints, ports }) => ({
    ...meta,
    service: labels?.['kubernetes.io/service-name'] ?? '',
    ports,
    // Whether it is ready is not known: it is taken for ready, as the API says.
    endpoints:
      addressType === 'IPv4'
        ? endpoints
            .filter(({ conditions }) => conditions?.ready !== false)
            .flatMap(({ addresses, hostname }) => addresses.slice(0, 1).map((address) => ({ address, hostname })))
        : [],
  }));

export type SliceRow = z.infer<typeof slice>;
export type Endpoint = SliceRow['endpoints'][number];

const namespace = z.object({ metadata }).transform(({ metadata: meta }) => meta);

export type NamespaceRow = z.infer<typeof namespace>;

/** What is followed of the cluster. */
export const SERVICES: Resource<ServiceRow> = {
  kind: 'Service',
  groupPath: '/api/v1',
  plural: 'services',
  namespaced: true,
  unreadable: 'keep',
  parse: (object) => service.parse(object),
};

export const SLICES: Resource<SliceRow> = {
  kind: 'EndpointSlice',
  groupPath: '/apis/discovery.k8s.io/v1',
  plural: 'endpointslices',
  namespaced: true,
  unreadable: 'forget',
  parse: (object) => slice.parse(object),
};

export const NAMESPACES: Resource<NamespaceRow> = {
  kind: 'Namespace',
  groupPath: '/api/v1',
  plural: 'namespaces',
  namespaced: false,
  unreadable: 'keep',
  parse: (object) => namespace.parse(object),
};
