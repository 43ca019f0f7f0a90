import type { FootprintView } from '../../api/index.ts';
import type { Hook, KernelInventory, MapSet } from '../../datapath/index.ts';
import type { Ifindex } from '../../model/index.ts';

export type FootprintContext = {
  /** Names of the node's devices. */
  readonly devices: ReadonlyMap<Ifindex, string>;
  readonly maps: Pick<MapSet, 'describe'>;
  /** Rows of the node's own maps that somebody keeps count of. */
  readonly entries: Readonly<Record<string, number>>;
  /** Where the programs of sockets are. */
  readonly cgroup: string | undefined;
};

const sum = (numbers: readonly number[]): number => numbers.reduce((all, number) => all + number, 0);

/** What of this node is in the kernel, and what all of it comes to. */
export function footprintView(
  inventory: KernelInventory,
  context: FootprintContext,
): Pick<FootprintView, 'programs' | 'maps' | 'totals'> {
  const programs = inventory.programs.map(({ id, hooks, xlatedBytes, mapIds, ...rest }) => ({
    kernelId: id,
    ...rest,
    attachedTo: hooks.map((hook) => hookText(hook, context)),
    instructions: xlatedBytes / 8,
    xlatedBytes,
    mapIds: [...mapIds],
  }));
  const maps = inventory.maps.map(({ id, ...rest }) => {
    // A map of that name that programs of an earlier life still use is not the one that is counted.
    const entries = context.maps.describe(id).isOurs ? context.entries[rest.name] : undefined;
    return { kernelId: id, ...rest, ...(entries !== undefined && { entries }) };
  });
  return {
    programs,
    maps,
    totals: {
      programs: programs.length,
      instructions: sum(programs.map(({ instructions }) => instructions)),
      jitedBytes: sum(programs.map(({ jitedBytes }) => jitedBytes)),
      programMemlockBytes: sum(programs.map(({ memlockBytes }) => memlockBytes)),
      maps: maps.length,
      mapMemlockBytes: sum(maps.map(({ memlockBytes }) => memlockBytes)),
    },
  };
}

function hookText(hook: Hook, { devices, cgroup }: FootprintContext): string {
  switch (hook.kind) {
    case 'tcx':
      return `tcx/${hook.direction} ${deviceText(hook.ifindex, devices)}`;
    case 'xdp':
      return `xdp ${deviceText(hook.ifindex, devices)}`;
    case 'cgroup':
      return `cgroup/${hook.hook} ${cgroup ?? 'of an earlier life'}`;
    case 'tail-call':
      return `tail call ${hook.judge}`;
  }
}

function deviceText(device: Ifindex, devices: FootprintContext['devices']): string {
  return devices.get(device) ?? 'of a device that is gone';
}
