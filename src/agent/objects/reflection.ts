import type { Lifecycle, Logger, Service } from '../../base/index.ts';
import type { Intent } from '../../cluster/index.ts';
import {
  ENDPOINT_SLICE,
  IDENTITY,
  type KubeClient,
  NAMESPACE,
  NODE,
  NODE_ENDPOINT_SLICE,
  POD,
  policyResource,
  Reflector,
  type ReflectorStatus,
  type Resource,
  SERVICE,
  type Selection,
  TENANT,
} from '../../kube/index.ts';
import type { IdentityObject, ObjectRow } from '../../model/index.ts';
import { POLICY_KINDS, type PolicyKind } from '../../policy/index.ts';
import type { Table } from '../../table/index.ts';

export type ReflectionOptions = {
  readonly client: KubeClient;
  readonly intent: Intent;
  readonly identities: Table<IdentityObject>;
  /** Before it, no number is looked at: nobody would ask this node before he gives it to another workload. */
  readonly announced: Promise<void>;
  /** Whose pods are read: of others its own node tells what there is to know. */
  readonly nodeName: string;
  readonly log: Logger;
  /** Slices of services are read too. */
  readonly services: boolean;
  /** Of policies. */
  readonly kinds?: readonly PolicyKind[];
  /** How long the server keeps one watch. */
  readonly watchSeconds: number;
};

/** Certificates and tokens bear as much. */
const MOST_CLOCK_MS = 30_000;

type Follow = {
  readonly kind: string;
  readonly status: () => ReflectorStatus;
  readonly run: (signal: AbortSignal) => Promise<void>;
};

/** Keeps the intent tables at what the API server says. */
export class Reflection implements Service {
  readonly #client: KubeClient;
  readonly #follows: readonly Follow[];

  constructor(options: ReflectionOptions) {
    const {
      client,
      intent,
      identities,
      announced,
      nodeName,
      log,
      services,
      kinds = POLICY_KINDS,
      watchSeconds,
    } = options;
    this.#client = client;
    const follow = <T extends ObjectRow, K extends string>(
      resource: Resource<T>,
      table: Table<T, K>,
      { selection = {}, after = Promise.resolve() }: { selection?: Selection; after?: Promise<void> } = {},
    ): Follow => {
      const reflector = new Reflector({ client, resource, selection, log, watchSeconds });
      return {
        kind: resource.kind,
        status: () => reflector.status(),
        run: async (signal) => {
          await Promise.race([after, aborted(signal)]);
          for await (const batch of reflector.batches(signal)) {
            table.apply(batch, resource.kind);
          }
        },
      };
    };
    this.#follows = [
      follow(NAMESPACE, intent.namespaces),
      follow(NODE, intent.nodes),
      follow(TENANT, intent.tenants),
      ...kinds.map((kind) => follow(policyResource(kind), intent.policies)),
      follow(IDENTITY, identities, { after: announced }),
      follow(NODE_ENDPOINT_SLICE, intent.nodeSlices),
      follow(POD, intent.pods, { selection: { fieldSelector: `spec.nodeName=${nodeName}` } }),
      // Which addresses are of services counts whoever serves them.
      follow(SERVICE, intent.services),
      ...(services ? [follow(ENDPOINT_SLICE, intent.slices)] : []),
    ];
  }

  get server(): string {
    return this.#client.server;
  }

  /** The clock of this node, by the server's. */
  get clock(): ClockFinding {
    return clockFinding(this.#client.clockAhead, this.server);
  }

  status(): { readonly kind: string; readonly status: ReflectorStatus }[] {
    return this.#follows.map(({ kind, status }) => ({ kind, status: status() }));
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    for (const { kind, run } of this.#follows) lifecycle.spawn(`reflector ${kind}`, run);
  }

  async stop(): Promise<void> {
    this.#client.close();
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
}

export type ClockFinding = { readonly problems: readonly string[]; readonly fine: string };

/** `ahead`: ms; undefined: the server has not answered yet. Exports of tenants end by the node's clock. */
export function clockFinding(ahead: number | undefined, server: string): ClockFinding {
  if (ahead === undefined) return { problems: [], fine: 'not compared yet: the API server has not answered' };
  if (Math.abs(ahead) < MOST_CLOCK_MS) return { problems: [], fine: 'that of the API server' };
  const seconds = `${Math.round(Math.abs(ahead) / 1_000)} s ${ahead > 0 ? 'ahead of' : 'behind'}`;
  const problem = `the clock of this node is ${seconds} that of ${server}: what ends at a time, like an export, ends here by it`;
  return { problems: [problem], fine: '' };
}

const MOST_NAMED = 5;

/** Objects that cannot be read, and what follows: the first of them. */
export function unreadableTexts(all: readonly { readonly kind: string; readonly status: ReflectorStatus }[]): string[] {
  const texts = all.flatMap(({ kind, status }) =>
    status.rejected.map(({ key, problem }) => `${kind} ${key} cannot be read: ${problem}`),
  );
  const more = texts.length - MOST_NAMED;
  return more > 0 ? [...texts.slice(0, MOST_NAMED), `and ${more} more objects`] : texts;
}

/** `12 objects, last heard of 3 s ago`, with what is wrong in front. */
export function reflectorDetail({ problem, synced, objects, silentMs }: ReflectorStatus, server: string): string {
  const known = synced ? `${objects} objects` : `waits for ${server}`;
  const heard = silentMs === undefined ? 'never heard of' : `last heard of ${Math.round(silentMs / 1_000)} s ago`;
  return [...(problem === undefined ? [] : [problem]), known, heard].join(', ');
}
