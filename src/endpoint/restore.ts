import type { EndpointId } from '../model/index.ts';
import type { EndpointRecord } from './record.ts';

/** What a starting agent finds on its node. */
export type RestoreInput = {
  readonly records: readonly EndpointRecord[];
  /** Ids whose records are there and cannot be read -> why not. */
  readonly unreadable: ReadonlyMap<EndpointId, string>;
  /** Host-side devices that carry our names: id -> ifindex. */
  readonly devices: ReadonlyMap<EndpointId, number>;
  /** Pinned links: id -> which of both hooks have one. */
  readonly links: ReadonlyMap<EndpointId, { readonly fromPod: boolean; readonly toPod: boolean }>;
  /** Ids with a word other than 0. */
  readonly open: ReadonlySet<EndpointId>;
  /** Whether the programs at the device of this record are what they should be. */
  readonly runs: (record: EndpointRecord) => boolean;
};

export type RestoreStep =
  /** Runs what it should: not touched. */
  | { readonly action: 'keep'; readonly record: EndpointRecord }
  /** Links stay, their programs are replaced in place. */
  | { readonly action: 'swap'; readonly record: EndpointRecord }
  /** A link is missing: close the word first, then attach. */
  | { readonly action: 'reattach'; readonly record: EndpointRecord }
  /** A pod may live in it that nobody can say anything about: nothing passes, and nothing is taken apart. */
  | { readonly action: 'close'; readonly id: EndpointId; readonly ifindex: number; readonly why: string }
  /** Close and take apart everything that carries this id. */
  | {
      readonly action: 'remove';
      readonly id: EndpointId;
      readonly record: EndpointRecord | undefined;
      readonly why: string;
    };

/**
 * One step for every id of which anything is left. What belongs to a record that was never complete is removed: it was
 * never handed to a runtime, or its runtime was told that it is gone. A device without a record that can be read is
 * closed and stays: ADD writes the record before it makes the device, so the record was lost, and the pod may live.
 */
export function planRestore(input: RestoreInput): RestoreStep[] {
  const { devices } = input;
  const records = new Map<EndpointId, EndpointRecord>();
  const steps: RestoreStep[] = [];
  for (const record of input.records) records.set(record.id, record);
  const ids = new Set([
    ...records.keys(),
    ...input.unreadable.keys(),
    ...devices.keys(),
    ...input.links.keys(),
    ...input.open,
  ]);
  const owners = new Map<string, EndpointId>();
  for (const id of [...ids].toSorted((a, b) => a - b)) {
    const record = records.get(id);
    const step = planOne(id, record, input);
    const owner = step.action === 'remove' || step.action === 'close' ? undefined : owners.get(step.record.addr);
    if (owner !== undefined) {
      steps.push({
        action: 'close',
        id,
        ifindex: devices.get(id) ?? 0,
        why: `its address belongs to endpoint ${owner}`,
      });
      continue;
    }
    if (step.action !== 'remove' && step.action !== 'close') owners.set(step.record.addr, id);
    steps.push(step);
  }
  return steps;
}

function planOne(id: EndpointId, record: EndpointRecord | undefined, input: RestoreInput): RestoreStep {
  const remove = (why: string): RestoreStep => ({ action: 'remove', id, record, why });
  const device = input.devices.get(id);
  if (record === undefined) {
    const problem = input.unreadable.get(id);
    const why = problem === undefined ? 'no record' : `its record cannot be read: ${problem}`;
    return device === undefined ? remove(why) : { action: 'close', id, ifindex: device, why };
  }
  if (record.phase === 'creating') return remove('its ADD was interrupted');
  if (record.phase === 'disconnecting') return remove('its DEL was interrupted');
  if (device === undefined) return remove('its device is gone');
  if (device !== record.hostIfindex) {
    const why = `its device is another one: ${device}, expected ${record.hostIfindex}`;
    return { action: 'close', id, ifindex: device, why };
  }
  const links = input.links.get(id);
  if (links === undefined || !links.fromPod || !links.toPod) return { action: 'reattach', record };
  return { action: input.runs(record) ? 'keep' : 'swap', record };
}
