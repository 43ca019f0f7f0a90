import { z } from 'zod';
import type { NamespaceRow } from '../../model/index.ts';
import { metadata } from './meta.ts';
import { defineResource } from './resource.ts';

const schema = z.object({ metadata }).transform(
  ({ metadata: meta }): NamespaceRow => ({
    uid: meta.uid,
    namespace: '',
    name: meta.name,
    // The API server sets this label on every namespace; policies select by it, so it holds even where one does not.
    labels: { ...meta.labels, 'kubernetes.io/metadata.name': meta.name },
  }),
);

export const NAMESPACE = defineResource<NamespaceRow>({
  kind: 'Namespace',
  groupPath: '/api/v1',
  plural: 'namespaces',
  namespaced: false,
  unreadable: 'forget',
  schema,
});
