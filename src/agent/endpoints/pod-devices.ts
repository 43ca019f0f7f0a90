import type { Link, Netdev } from '../../datapath/index.ts';
import { endpointOfIfname, hostIfnameOf } from '../../endpoint/index.ts';
import type { EndpointId } from '../../model/index.ts';

export type PodDevice = Pick<Link, 'ifindex' | 'up'>;

/**
 * The host sides of pods' devices. `recorded`: endpoints that may have one. Who of them is missing in a list is asked for
 * before he is taken for gone, and his pod apart.
 */
export async function podDevices(
  netdev: Pick<Netdev, 'listLinks' | 'findLink'>,
  recorded: Iterable<EndpointId>,
): Promise<Map<EndpointId, PodDevice>> {
  const devices = new Map<EndpointId, PodDevice>();
  for (const link of await netdev.listLinks('mbr')) {
    const id = endpointOfIfname(link.name);
    if (id !== undefined) devices.set(id, link);
  }
  for (const id of recorded) {
    const link = devices.has(id) ? undefined : await netdev.findLink(hostIfnameOf(id));
    if (link !== undefined) devices.set(id, link);
  }
  return devices;
}
