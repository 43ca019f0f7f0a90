import { endpointId, ifindex } from '../../../src/model/index.ts';
import { parseAddr } from '../../../src/net/index.ts';
import { fromWorld, tcp } from '../frames.ts';
import { NODE, WORLD } from '../lab.ts';
import type { DropCase } from './case.ts';

/** Of the one device that tests have. */
const DEVICE = 1;
const SYN = tcp(40_000, 443, 'SYN');

/** What to_netdev drops while another proxy serves. */
export const TO_NETDEV_CASES: readonly DropCase[] = [
  {
    name: 'under the node’s address, and its device has lost its place to another one',
    reason: 'unknown-sender',
    config: { enableServices: false, enableStack: true },
    run: ({ lab }) => {
      lab.datapath.podDevices.set(DEVICE, (BigInt(endpointId(1)) << 32n) | BigInt(ifindex(DEVICE + 65_536)));
      return lab.run(lab.netdev.to_netdev, fromWorld(NODE, WORLD, SYN), DEVICE);
    },
  },
  {
    name: 'of a pod’s address from the device of another',
    reason: 'spoofed-ip',
    config: { enableServices: false, enableStack: true },
    run: ({ lab, a }) => lab.run(lab.netdev.to_netdev, fromWorld(a.addr, parseAddr('198.51.100.9'), SYN), DEVICE),
  },
];
