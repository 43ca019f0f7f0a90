import { type JsonObject, type KubeObject, numberAt, objectAt, stringAt } from '../../apiserver/index.ts';
import { fenceposts } from '../kit/counts.ts';

const NO_LIMIT = 2 ** 31 - 1;

/** Of a deployment or of one of its sets. */
export const wantedOf = (object: KubeObject): number => numberAt(object, 'spec', 'replicas') ?? 0;
export const templateOf = (object: KubeObject): JsonObject => objectAt(object, 'spec', 'template') ?? {};
export const actualOf = (object: KubeObject): number => numberAt(object, 'status', 'replicas') ?? 0;
export const readyOf = (object: KubeObject): number => numberAt(object, 'status', 'readyReplicas') ?? 0;
export const availableOf = (object: KubeObject): number => numberAt(object, 'status', 'availableReplicas') ?? 0;

export const sum = (sets: readonly KubeObject[], count: (set: KubeObject) => number): number =>
  sets.reduce((total, set) => total + count(set), 0);

export const isRolling = (deployment: KubeObject): boolean =>
  stringAt(deployment, 'spec', 'strategy', 'type') === 'RollingUpdate';

/** How many pods there may be beyond the wanted ones. */
export function maxSurge(deployment: KubeObject): number {
  if (!isRolling(deployment)) return 0;
  return fenceposts(objectAt(deployment, 'spec', 'strategy', 'rollingUpdate') ?? {}, wantedOf(deployment)).surge;
}

/** How many of the wanted pods may be missing. */
export function maxUnavailable(deployment: KubeObject): number {
  const wanted = wantedOf(deployment);
  if (!isRolling(deployment) || wanted === 0) return 0;
  const posts = fenceposts(objectAt(deployment, 'spec', 'strategy', 'rollingUpdate') ?? {}, wanted);
  return Math.min(posts.unavailable, wanted);
}

/** In ms; `undefined`: it may take for ever. */
export function progressDeadline(deployment: KubeObject): number | undefined {
  const seconds = numberAt(deployment, 'spec', 'progressDeadlineSeconds') ?? NO_LIMIT;
  return seconds === NO_LIMIT ? undefined : seconds * 1_000;
}

/** How many old sets are kept to go back to. */
export function historyLimit(deployment: KubeObject): number {
  const limit = numberAt(deployment, 'spec', 'revisionHistoryLimit') ?? NO_LIMIT;
  return limit === NO_LIMIT ? Number.POSITIVE_INFINITY : limit;
}
