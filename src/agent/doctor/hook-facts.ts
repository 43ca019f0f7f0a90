import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  type DeviceHooks,
  type HookProgram,
  listDeviceHooks,
  pinnedPrograms,
  type TcxHook,
  tcxPrograms,
} from '../../datapath/index.ts';
import type { Ifindex } from '../../model/index.ts';
import type { HookFacts, HookPlace } from './judge-hooks.ts';

export type WatchedDevice = {
  readonly ifindex: Ifindex;
  /** `mbr0001 (default/web)`. */
  readonly label: string;
  readonly isPod: boolean;
  /** Where a program of ours belongs. */
  readonly hooks: readonly TcxHook[];
};

/** Devices between two turns of the event loop: a look costs some ten system calls. */
const CHUNK = 32;

/** Throws E_DATAPATH_NETLINK, E_DATAPATH_ATTACH. */
export async function hookFacts(devices: readonly WatchedDevice[], pinDir: string): Promise<HookFacts> {
  const tcx: HookPlace[] = [];
  for (const [index, device] of devices.entries()) {
    if (index % CHUNK === 0) await nextTurn();
    tcx.push(...placesOf(device));
  }
  const watched = new Map(devices.map((device) => [device.ifindex, device]));
  const older = (await listDeviceHooks()).flatMap((found) => {
    const device = watched.get(found.ifindex);
    return device === undefined ? [] : [olderAt(device, found)];
  });
  // After the queries: a program that was attached meanwhile is known as ours by then.
  return { pinned: pinnedPrograms(pinDir), tcx, older };
}

function placesOf({ ifindex, label, isPod, hooks }: WatchedDevice): HookPlace[] {
  const place = (hook: TcxHook, programs: readonly HookProgram[] | undefined): HookPlace[] =>
    programs === undefined ? [] : [{ place: `${hook} of ${label}`, isPod, isOurs: hooks.includes(hook), programs }];
  return [...place('ingress', tcxPrograms(ifindex, 'ingress')), ...place('egress', tcxPrograms(ifindex, 'egress'))];
}

function olderAt({ label, isPod }: WatchedDevice, { xdp, filters }: DeviceHooks) {
  return { place: label, isPod, xdp, filters: filters.map(({ hook, text }) => `${hook} ${text}`) };
}
