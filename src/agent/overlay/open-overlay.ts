import type { Service } from '../../base/index.ts';
import { podRangesOf, tunnelOf } from '../../cluster/index.ts';
import { OverlayNetdev } from '../../datapath/index.ts';
import type { Plane } from '../../plane/index.ts';
import type { NodeDevices } from '../devices/index.ts';
import { type AgentNode, overlaySpec } from '../node/index.ts';
import { OverlayPaths } from './overlay-paths.ts';

export type Overlay = {
  readonly services: readonly Service[];
  /** Undefined where packets to other nodes' pods do not go through a tunnel. */
  readonly paths: OverlayPaths | undefined;
};

export function openOverlay(node: AgentNode, { intent }: Plane, devices: NodeDevices): Overlay {
  const { config, kernel, clock, log } = node;
  if (config.routing !== 'tunnel') return { services: [], paths: undefined };
  const { base, uplink } = kernel;
  const netdev = new OverlayNetdev();
  const paths = new OverlayPaths({
    netdev,
    ensure: async () => await netdev.ensure(overlaySpec(config, uplink), base.overlayIfindex),
    isGuarded: (device) => devices.isGuarded(device),
    ranges: () =>
      Array.from(intent.nodes.rows.values())
        .filter((one) => one.name !== config.nodeName && tunnelOf(one) !== null)
        .flatMap(podRangesOf)
        .filter((range) => range.family === 4),
    changed: intent.nodes.changed,
    source: uplink.addr,
    clock,
    log,
  });
  return { services: [paths, { start: async () => undefined, stop: async () => netdev.close() }], paths };
}
