import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Clock, errorMessage, type Lifecycle, type Logger, type Service } from '../../base/index.ts';
import { folderStamp, type Netdev } from '../../datapath/index.ts';
import { attachmentKey, type EndpointRecord } from '../../endpoint/index.ts';
import type { EndpointTable } from '../../plane/index.ts';
import type { KeyedQueue } from './keyed-queue.ts';

const LOOK_MS = 30_000;

export type GoneAttachmentsOptions = {
  readonly endpoints: EndpointTable;
  readonly netdev: Pick<Netdev, 'findLink'>;
  /** That of the CNI server. */
  readonly queue: KeyedQueue;
  readonly remove: (record: EndpointRecord) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
};

/**
 * Removes endpoints whose pod's network namespace is gone although nobody deleted them: a runtime that crashed, or an old
 * one that sends no GC. Gone means both that the namespace has no name any more and that the pair of devices died with it;
 * a path that is only out of sight costs nobody anything.
 */
export class GoneAttachments implements Service {
  readonly #o: GoneAttachmentsOptions;
  /** Stamps of folders that had every namespace which they should have, at the last look. */
  #complete: ReadonlyMap<string, string> = new Map();

  constructor(options: GoneAttachmentsOptions) {
    this.#o = options;
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    lifecycle.spawn('attachments that are gone', async (signal) => {
      while (!signal.aborted) {
        await this.look();
        await this.#o.clock.sleep(LOOK_MS, signal).catch(() => undefined);
      }
    });
  }

  async look(): Promise<void> {
    const { endpoints, queue } = this.#o;
    const records = endpoints.values().map(({ record }) => record);
    const complete = new Map<string, string>();
    for (const [folder, inside] of Map.groupBy(records, ({ netns }) => dirname(netns))) {
      // Taken first: what goes meanwhile makes another one.
      const stamp = folderStamp(folder);
      const isSame = stamp !== undefined && stamp === this.#complete.get(folder);
      const gone = isSame ? [] : inside.filter(({ netns }) => !existsSync(netns));
      if (stamp !== undefined && gone.length === 0) complete.set(folder, stamp);
      for (const record of gone) {
        await queue.run(attachmentKey(record.attachment), async () => await this.#removeIfGone(record));
      }
    }
    this.#complete = complete;
  }

  async #removeIfGone(record: EndpointRecord): Promise<void> {
    const { endpoints, netdev, remove, log } = this.#o;
    const now = endpoints.get(record.id);
    // Only this very attachment, and none that is being made or taken off.
    if (now === undefined || now.state === 'creating' || now.record.createdAt !== record.createdAt) return;
    try {
      if (existsSync(record.netns) || (await netdev.findLink(record.hostIfname)) !== undefined) return;
      log.warn({ endpoint: record.id, pod: record.pod, netns: record.netns }, "the pod's network namespace is gone");
      await remove(now.record);
    } catch (error) {
      log.error({ endpoint: record.id, error: errorMessage(error) }, 'removing an endpoint that is gone failed');
    }
  }
}
