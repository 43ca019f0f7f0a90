import { once } from 'node:events';
import { isObject, type JsonObject, listAt, numberAt, objectAt, stringAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import type { ResourceDefinition } from '../resource.ts';
import { isEmptySelector, selectorHolds } from '../selector/object-selector.ts';
import { ApiError, badRequest, noSuchResource } from '../status.ts';
import type { ApiStore } from '../store/api-store.ts';
import type { ObjectKey } from '../store/options.ts';
import type { Exchange } from './exchange.ts';
import { type LogSelection, logSelectionOf } from './log-options.ts';

export type PodLogOptions = LogSelection & { readonly container: string; readonly signal: AbortSignal };

/** Gives a container's output; ends when it is over or, with `follow`, when the signal is aborted. */
export type PodLog = (namespace: string, name: string, options: PodLogOptions) => AsyncIterable<Uint8Array>;

const created = (): JsonObject => ({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 });

export async function createBinding(
  exchange: Exchange,
  store: ApiStore,
  key: ObjectKey | undefined,
  namespace: string,
): Promise<void> {
  const { value } = await exchange.parsedBody();
  const name = key?.name ?? stringAt(value, 'metadata', 'name') ?? '';
  store.bind({ namespace, name }, stringAt(value, 'target', 'name') ?? '');
  exchange.json(201, created());
}

/** A deletion that a disruption budget may refuse. */
export async function evictPod(
  exchange: Exchange,
  store: ApiStore,
  definition: ResourceDefinition,
  key: ObjectKey,
): Promise<void> {
  const { value } = await exchange.parsedBody();
  const options = isObject(value) ? objectAt(value, 'deleteOptions') : undefined;
  const grace = options?.['gracePeriodSeconds'];
  const dryRun = listAt(options, 'dryRun').length > 0;
  const budget = budgetAgainst(store, store.require(definition, key).object);
  if (budget !== undefined) throw tooManyDisruptions(budget);
  store.delete(definition, key, { gracePeriodSeconds: typeof grace === 'number' ? grace : undefined, dryRun });
  exchange.json(201, created());
}

/** The budget that has no room for the loss of this pod. One that is not ready is no loss where too few are left anyway. */
function budgetAgainst(store: ApiStore, pod: KubeObject): KubeObject | undefined {
  const { namespace, labels, deletionTimestamp } = pod.metadata;
  const phase = stringAt(pod, 'status', 'phase');
  if (deletionTimestamp !== undefined || phase === 'Succeeded' || phase === 'Failed' || phase === 'Pending')
    return undefined;
  return store.list('poddisruptionbudgets', { namespace }).items.find((budget) => {
    const selector = objectAt(budget, 'spec', 'selector');
    const isMeant = selector !== undefined && (isEmptySelector(selector) || selectorHolds(selector, labels));
    return isMeant && (numberAt(budget, 'status', 'disruptionsAllowed') ?? 0) <= 0;
  });
}

function tooManyDisruptions({ metadata: { name }, ...budget }: KubeObject): ApiError {
  const desired = numberAt(budget, 'status', 'desiredHealthy') ?? 0;
  const current = numberAt(budget, 'status', 'currentHealthy') ?? 0;
  const why = `The disruption budget ${name} needs ${desired} healthy pods and has ${current} currently`;
  return new ApiError(429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    causes: [{ reason: 'DisruptionBudget', message: why }],
  });
}

/** Streams a container's log as plain text. */
export async function streamLog(
  exchange: Exchange,
  pod: KubeObject,
  podLog: PodLog | undefined,
  { closing, now }: { readonly closing: AbortSignal; readonly now: number },
): Promise<void> {
  if (podLog === undefined) throw noSuchResource();
  const { query, response } = exchange;
  const { name, namespace = '' } = pod.metadata;
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const options: PodLogOptions = {
    ...logSelectionOf(query, name, now),
    container: containerOf(pod, query.get('container') ?? ''),
    signal: AbortSignal.any([gone.signal, closing]),
  };
  const chunks = podLog(namespace, name, options)[Symbol.asyncIterator]();
  // The first chunk before the headers: a log that cannot be had is an ordinary error answer.
  let next = options.follow ? undefined : await chunks.next();
  response.writeHead(200, { ...exchange.headers('text/plain'), 'Transfer-Encoding': 'chunked' });
  response.flushHeaders();
  let left = options.limitBytes ?? Number.POSITIVE_INFINITY;
  try {
    for (next ??= await chunks.next(); next.done !== true && left > 0; next = await chunks.next()) {
      if (response.destroyed) break;
      const chunk = next.value.subarray(0, Math.min(left, next.value.length));
      left -= chunk.length;
      if (!response.write(chunk)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
    }
  } finally {
    await chunks.return?.();
    response.end();
  }
}

/** The container that is meant: named, or the only one. */
export function containerOf(pod: KubeObject, asked: string): string {
  const names = ['containers', 'initContainers', 'ephemeralContainers'].flatMap((list) =>
    listAt(pod, 'spec', list).map((container) => stringAt(container, 'name') ?? ''),
  );
  const { name } = pod.metadata;
  if (asked === '') {
    const [first = ''] = names;
    if (listAt(pod, 'spec', 'containers').length === 1) return first;
    throw badRequest(`a container name must be specified for pod ${name}, choose one of: [${names.join(' ')}]`);
  }
  if (!names.includes(asked)) throw badRequest(`container ${asked.slice(0, 63)} is not valid for pod ${name}`);
  return asked;
}
