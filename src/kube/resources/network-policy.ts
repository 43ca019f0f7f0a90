import { z } from 'zod';
import { metadata } from './meta.ts';
import { defineResource, type KubeRow } from './resource.ts';

export type NetworkPolicyRow = KubeRow & {
  /** The spec as the server sent it: translation judges it, so that a refusal can name the field. */
  readonly spec: Readonly<Record<string, unknown>>;
};

const schema = z.object({ metadata, spec: z.record(z.string(), z.unknown()).nullish() }).transform(
  ({ metadata: meta, spec }): NetworkPolicyRow => ({
    uid: meta.uid,
    namespace: meta.namespace,
    name: meta.name,
    spec: spec ?? {},
  }),
);

export const NETWORK_POLICY = defineResource<NetworkPolicyRow>({
  kind: 'NetworkPolicy',
  groupPath: '/apis/networking.k8s.io/v1',
  plural: 'networkpolicies',
  namespaced: true,
  schema,
});
