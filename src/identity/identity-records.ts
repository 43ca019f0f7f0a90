import { z } from 'zod';
import { type IdentityId, identityId, labelMap, type PodIdentity } from '../model/index.ts';
import { identityErrors } from './errors.ts';

const record = z.record(z.string(), z.string());
const recordSchema = z.object({
  id: z.int(),
  namespace: z.string(),
  namespaceLabels: record,
  labels: record,
  serviceAccount: z.string(),
  cluster: z.string(),
  namedPorts: z.array(
    z.object({ name: z.string(), protocol: z.enum(['ICMP', 'TCP', 'UDP', 'ICMPv6', 'SCTP']), port: z.int() }),
  ),
});
const snapshotSchema = z.object({ next: z.int(), identities: z.array(recordSchema) });

/** What one number means. Plain JSON; survives a restart of the agent. */
export type IdentityRecord = z.infer<typeof recordSchema>;
export type IdentitySnapshot = z.infer<typeof snapshotSchema>;

/** What became of numbers: undefined where one means nobody any more. */
export type IdentityChanges = ReadonlyMap<IdentityId, IdentityRecord | undefined>;

/** Who gives numbers, to whoever keeps what they mean over a restart. */
export type SavedNumbers = {
  /** Where the search for the next number begins. */
  readonly next: number;
  snapshot(): IdentitySnapshot;
  /** Since `saved` was called last. */
  readonly changes: IdentityChanges;
  /** `changes` are where they survive a restart. */
  saved(): void;
  /** Into an empty one. E_IDENTITY_SNAPSHOT: it is not a snapshot, or contradicts itself; then it is still empty. */
  restore(snapshot: unknown): void;
};

/** E_IDENTITY_SNAPSHOT. */
export function readSnapshot(snapshot: unknown): {
  readonly next: number;
  readonly identities: readonly PodIdentity[];
} {
  const parsed = snapshotSchema.safeParse(snapshot);
  if (!parsed.success) throw identityErrors.make('E_IDENTITY_SNAPSHOT', { detail: z.prettifyError(parsed.error) });
  const identities = parsed.data.identities.map(({ id, ...facts }): PodIdentity => {
    const workload = { ...facts, labels: labelMap(facts.labels), namespaceLabels: labelMap(facts.namespaceLabels) };
    return { kind: 'pod', id: identityId(id), workload };
  });
  return { next: parsed.data.next, identities };
}

export function recordOf({ id, workload }: PodIdentity): IdentityRecord {
  return {
    ...workload,
    id: Number(id),
    namespaceLabels: Object.fromEntries(workload.namespaceLabels),
    labels: Object.fromEntries(workload.labels),
    namedPorts: workload.namedPorts.map((port) => ({ ...port })),
  };
}
