import { z } from 'zod';
import { namespacedName } from '../../base/index.ts';
import type { SliceSpec } from '../../model/index.ts';
import { exact, listOf, metadata } from './meta.ts';
import { repeatedText } from './repeated-text.ts';
import { defineResource } from './resource.ts';

const condition = z.boolean().nullish();

const named = z.object({ name: z.string() });

const endpoint = z.object({
  addresses: listOf(z.string()),
  conditions: z.object({ ready: condition, serving: condition, terminating: condition }).nullish(),
  nodeName: z.string().nullish(),
  targetRef: z
    .object({ kind: z.string().nullish(), namespace: z.string().nullish(), name: z.string().nullish() })
    .nullish(),
  hints: z.object({ forZones: listOf(named), forNodes: listOf(named) }).nullish(),
});

const port = z.object({
  name: z.string().nullish(),
  protocol: z.enum(['TCP', 'UDP', 'SCTP']).nullish(),
  port: z.number().int().nullish(),
});

const NO_NAMES: readonly string[] = [];

function namesOf(list: readonly { readonly name: string }[] = []): readonly string[] {
  return list.length === 0 ? NO_NAMES : list.map(({ name }) => name);
}

const schema = z
  .object({ metadata, addressType: z.string().default('IPv4'), ports: listOf(port), endpoints: listOf(endpoint) })
  .transform(({ metadata: meta, addressType, ports, endpoints }): SliceSpec => {
    const { namespace } = meta;
    return {
      uid: meta.uid,
      namespace,
      name: meta.name,
      service: meta.labels['kubernetes.io/service-name'] ?? '',
      addressType,
      ports: exact(
        ports.flatMap(({ name, protocol, port: number }) =>
          number == null ? [] : [{ name: name ?? '', protocol: protocol ?? 'TCP', port: number }],
        ),
      ),
      endpoints: exact(
        endpoints.flatMap(({ addresses, conditions, nodeName, targetRef, hints }) => {
          const [address] = addresses;
          if (address === undefined) return [];
          // Not said means ready; serving follows ready where it is not said (discovery.k8s.io/v1).
          const ready = conditions?.ready ?? true;
          const isPod = targetRef?.kind === 'Pod';
          return [
            {
              address,
              ready,
              serving: conditions?.serving ?? ready,
              terminating: conditions?.terminating ?? false,
              nodeName: repeatedText(nodeName ?? ''),
              pod: isPod
                ? namespacedName({ namespace: targetRef.namespace ?? namespace, name: targetRef.name ?? '' })
                : '',
              zones: namesOf(hints?.forZones),
              nodes: namesOf(hints?.forNodes),
            },
          ];
        }),
      ),
    };
  });

export const ENDPOINT_SLICE = defineResource<SliceSpec>({
  kind: 'EndpointSlice',
  groupPath: '/apis/discovery.k8s.io/v1',
  plural: 'endpointslices',
  namespaced: true,
  unreadable: 'forget',
  schema,
});
