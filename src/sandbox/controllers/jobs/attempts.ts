import { type KubeObject, listAt, stringAt } from '../../apiserver/index.ts';
import { isActive, restartsOf } from '../kit/pods.ts';

const FIRST_DELAY_MS = 10_000;
const LONGEST_DELAY_MS = 600_000;

/** A pod that is being ended is no success any more. */
export function hasFailed(pod: KubeObject): boolean {
  const phase = stringAt(pod, 'status', 'phase');
  return phase === 'Failed' || (pod.metadata.deletionTimestamp !== undefined && phase !== 'Succeeded');
}

export function hasSucceeded(pod: KubeObject): boolean {
  return stringAt(pod, 'status', 'phase') === 'Succeeded';
}

/** In ms since the epoch. */
function endOf(pod: KubeObject): number {
  const ends = listAt(pod, 'status', 'containerStatuses').map((status) =>
    Date.parse(stringAt(status, 'state', 'terminated', 'finishedAt') ?? ''),
  );
  const known = ends.filter((end) => !Number.isNaN(end));
  const { deletionTimestamp, creationTimestamp = '' } = pod.metadata;
  return known.length > 0 ? Math.max(...known) : Date.parse(deletionTimestamp ?? creationTimestamp);
}

/** In how many ms the next pod may be made: later after each failure in a row. 0 or less: now. */
export function retryIn(pods: readonly KubeObject[], now: number): number {
  const lastSuccess = Math.max(...pods.filter(hasSucceeded).map(endOf), Number.NEGATIVE_INFINITY);
  const failures = pods.filter(hasFailed).map(endOf);
  const inRow = failures.filter((end) => end > lastSuccess);
  if (inRow.length === 0) return 0;
  const delay = Math.min(FIRST_DELAY_MS * 2 ** (inRow.length - 1), LONGEST_DELAY_MS);
  return Math.max(...inRow) + delay - now;
}

/** How often the containers of pods that go on were started again. */
export function restartsSoFar(pods: readonly KubeObject[]): number {
  return pods.filter(isActive).reduce((total, pod) => total + restartsOf(pod), 0);
}
