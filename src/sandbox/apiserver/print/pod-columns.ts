import { at, type Json, listAt, numberAt, objectAt, stringAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import type { Column } from '../resource.ts';
import { ageColumn, column, fieldColumn, isTrue, nameColumn } from './columns.ts';
import { age } from './duration.ts';

/** The word in the STATUS column: what hinders the pod most, as `kubectl get pods` users know it. */
export function podStatusWord(pod: KubeObject): string {
  const base = stringAt(pod, 'status', 'reason') ?? stringAt(pod, 'status', 'phase') ?? 'Unknown';
  const isInitialized = listAt(pod, 'status', 'conditions').some(
    (c) => stringAt(c, 'type') === 'Initialized' && isTrue(c),
  );
  const initializing = isInitialized ? undefined : initStatus(pod);
  let word = initializing ?? base;
  if (initializing === undefined) {
    let anyRunning = false;
    for (const status of listAt(pod, 'status', 'containerStatuses').toReversed()) {
      const reason = containerReason(status);
      if (reason !== undefined) word = reason;
      else if (at(status, 'ready') === true && objectAt(status, 'state', 'running') !== undefined) anyRunning = true;
    }
    if (word === 'Completed' && anyRunning) word = isReady(pod) ? 'Running' : 'NotReady';
  }
  if (pod.metadata.deletionTimestamp === undefined) return word;
  return stringAt(pod, 'status', 'reason') === 'NodeLost' ? 'Unknown' : 'Terminating';
}

function isReady(pod: KubeObject): boolean {
  return listAt(pod, 'status', 'conditions').some((c) => stringAt(c, 'type') === 'Ready' && isTrue(c));
}

function containerReason(status: Json): string | undefined {
  const waiting = stringAt(status, 'state', 'waiting', 'reason');
  if (waiting !== undefined && waiting !== '') return waiting;
  const terminated = objectAt(status, 'state', 'terminated');
  if (terminated === undefined) return undefined;
  const reason = stringAt(terminated, 'reason') ?? '';
  if (reason !== '') return reason;
  const signal = numberAt(terminated, 'signal') ?? 0;
  return signal === 0 ? `ExitCode:${numberAt(terminated, 'exitCode') ?? 0}` : `Signal:${signal}`;
}

function initStatus(pod: KubeObject): string | undefined {
  const total = listAt(pod, 'spec', 'initContainers').length;
  const sidecars = sidecarsOf(pod);
  for (const [index, status] of listAt(pod, 'status', 'initContainerStatuses').entries()) {
    const terminated = objectAt(status, 'state', 'terminated');
    if (terminated !== undefined && (numberAt(terminated, 'exitCode') ?? 0) === 0) continue;
    if (sidecars.has(stringAt(status, 'name') ?? '') && at(status, 'started') === true) continue;
    const reason = containerReason(status);
    if (terminated !== undefined) return `Init:${reason ?? 'Error'}`;
    return reason !== undefined && reason !== 'PodInitializing' ? `Init:${reason}` : `Init:${index}/${total}`;
  }
  return undefined;
}

/** Names of the init containers that go on running: they are counted with the others. */
function sidecarsOf(pod: KubeObject): ReadonlySet<string> {
  const sidecars = listAt(pod, 'spec', 'initContainers').filter((c) => stringAt(c, 'restartPolicy') === 'Always');
  return new Set(sidecars.map((c) => stringAt(c, 'name') ?? ''));
}

function readyCount(pod: KubeObject): string {
  const sidecars = sidecarsOf(pod);
  const inits = listAt(pod, 'status', 'initContainerStatuses').filter((s) => sidecars.has(stringAt(s, 'name') ?? ''));
  const ready = [...inits, ...listAt(pod, 'status', 'containerStatuses')].filter((s) => at(s, 'ready') === true).length;
  return `${ready}/${sidecars.size + listAt(pod, 'spec', 'containers').length}`;
}

function restarts(pod: KubeObject, now: number): string {
  let count = 0;
  let last: string | undefined;
  for (const status of listAt(pod, 'status', 'containerStatuses')) {
    count += numberAt(status, 'restartCount') ?? 0;
    const finished = stringAt(status, 'lastState', 'terminated', 'finishedAt');
    if (finished !== undefined && (last === undefined || finished > last)) last = finished;
  }
  return count > 0 && last !== undefined ? `${count} (${age(last, now)} ago)` : String(count);
}

function readinessGates(pod: KubeObject): string {
  const gates = listAt(pod, 'spec', 'readinessGates');
  if (gates.length === 0) return '<none>';
  const conditions = listAt(pod, 'status', 'conditions');
  const good = gates.filter((gate) =>
    conditions.some((c) => stringAt(c, 'type') === stringAt(gate, 'conditionType') && isTrue(c)),
  );
  return `${good.length}/${gates.length}`;
}

export const podColumns: readonly Column[] = [
  nameColumn,
  column('Ready', readyCount, { description: 'Containers that are ready, of all.' }),
  column('Status', podStatusWord, { description: 'State of the pod in one word.' }),
  column('Restarts', restarts, { description: 'How often containers were started again, and when last.' }),
  ageColumn,
  fieldColumn('IP', ['status', 'podIP'], '<none>', 1),
  fieldColumn('Node', ['spec', 'nodeName'], '<none>', 1),
  fieldColumn('Nominated Node', ['status', 'nominatedNodeName'], '<none>', 1),
  column('Readiness Gates', readinessGates, { priority: 1 }),
];
