import type { Clock, Lifecycle, Service } from '../../base/index.ts';
import type { AgentNotices } from '../../observe/index.ts';
import type { Endpoint, Plane } from '../../plane/index.ts';

const LOOK_MS = 1_000;

/** Notes which policies came, changed and went, and which pods: once a second. */
export function noticeWatch(
  { endpoints, intent }: Pick<Plane, 'endpoints' | 'intent'>,
  notices: AgentNotices,
  clock: Clock,
): Service {
  const policies = intent.policies.reader();
  let known = new Map<number, Endpoint>();
  const look = (): void => {
    const time = clock.now();
    for (const policy of policies.drain())
      notices.add({
        time,
        kind: intent.policies.get(policy) === undefined ? 'policy-deleted' : 'policy-updated',
        policy,
      });
    const now = new Map<number, Endpoint>(endpoints.values().map((endpoint) => [endpoint.record.id, endpoint]));
    for (const [id, endpoint] of known)
      if (now.get(id)?.record.pod.name !== endpoint.record.pod.name) add('endpoint-deleted', endpoint);
    for (const [id, endpoint] of now)
      if (known.get(id)?.record.pod.name !== endpoint.record.pod.name) add('endpoint-created', endpoint);
    known = now;

    function add(kind: 'endpoint-created' | 'endpoint-deleted', { record: { id, pod } }: Endpoint): void {
      notices.add({ time, kind, id, namespace: pod.namespace, pod: pod.name });
    }
  };
  return {
    start: async (lifecycle: Lifecycle) => {
      notices.add({ time: clock.now(), kind: 'started' });
      lifecycle.spawn('notices', async (signal) => {
        while (!signal.aborted) {
          look();
          await clock.sleep(LOOK_MS, signal).catch(() => undefined);
        }
      });
    },
  };
}
