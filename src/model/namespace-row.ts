import type { ObjectRow } from './object-row.ts';

export type NamespaceRow = ObjectRow & { readonly labels: Readonly<Record<string, string>> };
