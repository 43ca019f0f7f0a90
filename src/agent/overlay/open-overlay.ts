import type { Service } from '../../base/index.ts';
import { type NativeRoute, NativeRoutes, OverlayNetdev } from '../../datapath/index.ts';
import type { Plane } from '../../plane/index.ts';
import type { NodeDevices } from '../devices/index.ts';
import { type AgentNode, overlaySpec } from '../node/index.ts';
import { keepLooking } from './keep-looking.ts';
import { OverlayPaths } from './overlay-paths.ts';
import { rangesElsewhere } from './ranges-elsewhere.ts';

export type Overlay = {
  readonly services: readonly Service[];
  /** Undefined where packets to other nodes' pods do not go through a tunnel. */
  readonly paths: OverlayPaths | undefined;
};

export function openOverlay(node: AgentNode, plane: Plane, devices: NodeDevices): Overlay {
  const { config, kernel, clock, log } = node;
  const { intent } = plane;
  if (config.routing === 'native') return { services: [nativeRouting(node, plane)], paths: undefined };
  if (config.routing === 'none') return { services: [], paths: undefined };
  const { base, uplink } = kernel;
  const netdev = new OverlayNetdev();
  const paths = new OverlayPaths({
    netdev,
    ensure: async () => await netdev.ensure(overlaySpec(config, uplink), base.overlayIfindex),
    isGuarded: (device) => devices.isGuarded(device),
    ranges: () => rangesElsewhere(config.nodeName, intent)?.map(({ range }) => range),
    changed: intent.nodes.changed,
    source: uplink.addr,
    clock,
    log,
  });
  return { services: [paths, { start: async () => undefined, stop: async () => netdev.close() }], paths };
}

/** Without a tunnel: a route for each range through its node. */
function nativeRouting(node: AgentNode, plane: Plane): Service {
  const { config, kernel, clock } = node;
  const routes = new NativeRoutes();
  const look = async () => {
    const known = rangesElsewhere(config.nodeName, plane.intent);
    if (known !== undefined) await routes.lay(kernel.uplink.ifindex, distinct(known));
  };
  return {
    start: async (lifecycle) => await keepLooking(lifecycle, { look, changed: plane.intent.nodes.changed, clock }),
    stop: async () => routes[Symbol.dispose](),
  };
}

/** What two nodes give out is at neither. */
function distinct(routes: readonly NativeRoute[]): NativeRoute[] {
  const byRange = Map.groupBy(routes, ({ range }) => range.toString());
  return Array.from(byRange.values()).flatMap((same) => (same.length === 1 ? same : []));
}
