import { errorMessage, type Logger } from '../../base/index.ts';
import { type EndpointWords, isOutside, type Netdev } from '../../datapath/index.ts';
import { type EndpointRecord, hostIfnameOf, mayOpen, planRestore, type RestoreStep } from '../../endpoint/index.ts';
import type { EndpointId } from '../../model/index.ts';
import type { EndpointTable, LocalAddresses } from '../../plane/index.ts';
import type { StateFiles } from '../node/index.ts';
import type { Addressing } from './addressing.ts';
import type { BrokenEndpoints } from './broken-endpoints.ts';
import type { ClosedEndpoints } from './closed-endpoints.ts';
import type { EndpointPrograms } from './endpoint-programs.ts';
import { podDevices } from './pod-devices.ts';
import type { PodNamespaces } from './pod-namespaces.ts';

export type RestorerOptions = {
  readonly addressing: Addressing;
  readonly endpoints: EndpointTable;
  readonly programs: EndpointPrograms;
  readonly netdev: Netdev;
  readonly words: EndpointWords;
  readonly local: LocalAddresses;
  readonly namespaces: Pick<PodNamespaces, 'add'>;
  readonly state: StateFiles;
  readonly closed: ClosedEndpoints;
  readonly broken: BrokenEndpoints;
  /** False: programs that run are left alone for now, since the maps of those that should are not complete. */
  readonly mayReplace: boolean;
  /** When some programs are loaded, right before they are swapped. */
  readonly beforeSwap: () => Promise<void>;
  readonly log: Logger;
};

/** Takes over what an earlier life of the agent left: what runs as it should is not touched. */
export async function restoreEndpoints(options: RestorerOptions): Promise<Map<RestoreStep['action'], number>> {
  const { state, netdev, programs, words, log } = options;
  const stored = state.endpoints();
  const recorded = [...stored.records.map((record) => record.id), ...stored.unreadable.keys()];
  const devices = await podDevices(netdev, recorded);
  const open = new Set(words.entries().flatMap(([id]) => (isOutside(id) ? [] : [id])));
  const steps = planRestore({
    records: stored.records,
    unreadable: stored.unreadable,
    devices: new Map(Array.from(devices, ([id, { ifindex }]) => [id, ifindex])),
    links: programs.pinned(),
    open,
    runs: (record) => programs.difference(record) === undefined,
  });
  const done = new Map<RestoreStep['action'], number>();
  for (const step of steps) {
    try {
      await apply(step, options);
    } catch (error) {
      const id = 'id' in step ? step.id : step.record.id;
      words.clear(id);
      log.error({ endpoint: id, action: step.action, error: errorMessage(error) }, 'endpoint could not be restored');
      continue;
    }
    done.set(step.action, (done.get(step.action) ?? 0) + 1);
  }
  if (options.mayReplace) {
    const swaps = steps.flatMap((step) => (step.action === 'swap' ? [step.record] : []));
    await swapPrograms(swaps, options);
  }
  for (const { record, state: now } of options.endpoints.values()) {
    // An earlier life had closed it, and its programs are right now.
    if (devices.get(record.id)?.up !== false || !mayOpen(now)) continue;
    await netdev
      .openPath({ ifindex: record.hostIfindex, addr: record.addr, mac: record.mac })
      .catch((error: unknown) => {
        log.error({ endpoint: record.id, error: errorMessage(error) }, "a pod's device stays down");
      });
  }
  return done;
}

/** Puts new programs in the place of those that run. Whose cannot be is closed. */
export async function swapPrograms(
  records: readonly EndpointRecord[],
  { programs, broken, beforeSwap }: Pick<RestorerOptions, 'programs' | 'broken' | 'beforeSwap'>,
): Promise<void> {
  await programs.attachAll(records, {
    beforeSwap,
    failed: async (record, error) => await broken.close(record, errorMessage(error)),
  });
}

async function apply(step: RestoreStep, options: RestorerOptions): Promise<void> {
  const { words, programs, log } = options;
  switch (step.action) {
    case 'keep':
      register(step.record, options);
      return;
    case 'swap':
      // All of them together, below.
      register(step.record, options);
      return;
    case 'reattach':
      words.clear(step.record.id);
      register(step.record, options);
      try {
        await programs.attach(step.record);
      } catch (error) {
        await options.broken.close(step.record, errorMessage(error));
      }
      return;
    case 'close':
      words.clear(step.id);
      options.addressing.ids.claim(step.id);
      await options.closed.add(step);
      return;
    case 'remove':
      log.info({ endpoint: step.id, why: step.why }, 'leftover removed');
      await removeLeftover(step.id, step.record, options);
      return;
  }
}

function register(record: EndpointRecord, { addressing, endpoints, namespaces, words }: RestorerOptions): void {
  addressing.claim(record.id, record.addr);
  namespaces.add(record);
  endpoints.add(record, words.get(record.id) === undefined ? 'waiting-for-identity' : 'ready');
}

async function removeLeftover(
  id: EndpointId,
  record: EndpointRecord | undefined,
  { words, local, netdev, programs, state }: RestorerOptions,
): Promise<void> {
  words.clear(id);
  if (record !== undefined && local.get(record.addr)?.endpoint === id) local.remove(record.addr);
  await netdev.deleteLink(hostIfnameOf(id));
  await programs.detach(id);
  state.deleteEndpoint(id);
}
