import { errorMessage, type Logger } from '../../base/index.ts';
import type { ObjectProblems } from '../../cluster/index.ts';
import type { EndpointWords, Netdev } from '../../datapath/index.ts';
import type { EndpointRecord } from '../../endpoint/index.ts';
import type { EndpointTable } from '../../plane/index.ts';
import type { EndpointPrograms } from './endpoint-programs.ts';

export type BrokenEndpointsOptions = {
  readonly endpoints: EndpointTable;
  readonly programs: Pick<EndpointPrograms, 'closeLeftBehind'>;
  readonly words: Pick<EndpointWords, 'clear'>;
  readonly netdev: Pick<Netdev, 'setDown' | 'openPath'>;
  readonly problems: ObjectProblems;
  readonly log: Logger;
};

/**
 * Pods whose programs are not what they should be and cannot be put right: a missing one, or one that judges by maps that
 * nobody writes. Closed in every way there is, since each covers what another cannot: the word for programs that ask it,
 * the word of the former maps for programs that stayed on those, and the device for a hook where no program is. The
 * endpoint's state keeps them closed, whatever their pods and policies become.
 */
export class BrokenEndpoints {
  readonly #o: BrokenEndpointsOptions;

  constructor(options: BrokenEndpointsOptions) {
    this.#o = options;
  }

  async close(record: EndpointRecord, why: string): Promise<void> {
    const { endpoints, programs, words, netdev, problems, log } = this.#o;
    const { id, pod, hostIfindex } = record;
    words.clear(id);
    const before = endpoints.get(id);
    // Being taken apart, or gone.
    if (before === undefined || before.state === 'disconnecting') return;
    const detail = `its programs are not what they should be: ${why}`;
    endpoints.transition(id, { type: 'broke' }, detail);
    const closed = await Promise.allSettled([programs.closeLeftBehind(record), netdev.setDown(hostIfindex)]);
    for (const way of closed) {
      if (way.status === 'rejected') log.error({ endpoint: id, error: errorMessage(way.reason) }, 'not wholly closed');
    }
    if (before.detail === detail) return;
    log.error({ endpoint: id, pod, why }, 'a pod is closed until its programs can be put right');
    const { namespace, name, uid } = pod;
    if (uid === undefined) return;
    const message = `Nothing passes at ${record.hostIfname}: ${detail}`;
    problems.report({ apiVersion: 'v1', kind: 'Pod', namespace, name, uid }, [{ reason: 'ProgramsBroken', message }]);
  }

  /** Its programs are what they should be: from here on it is opened as every other. */
  async mend(record: EndpointRecord): Promise<void> {
    const { endpoints, netdev, log } = this.#o;
    if (endpoints.get(record.id)?.state !== 'broken') return;
    await netdev.openPath({ ifindex: record.hostIfindex, addr: record.addr, mac: record.mac });
    if (endpoints.get(record.id)?.state !== 'broken') return;
    endpoints.transition(record.id, { type: 'mended' }, 'its programs were put right');
    log.info({ endpoint: record.id, pod: record.pod }, "a pod's programs were put right");
  }
}
