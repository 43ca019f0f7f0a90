/**
 * Makes devices of this network namespace take the frames that XDP at the other end of their veth pairs sends, as a
 * network card's peer does: a veth's end takes them only with a program of its own (drivers/net/veth.c, veth_xdp_flush).
 * Says a line when it is ready, and goes on until its input ends.
 */
import { Netdev } from '../../../src/datapath/index.ts';
import { progLoad, xdpLinkCreate } from '../../../src/datapath/kernel/syscall.ts';

const BPF_PROG_TYPE_XDP = 6;
/** r0 = XDP_PASS; exit */
const PASS = Uint8Array.of(0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);

const program = progLoad(BPF_PROG_TYPE_XDP, PASS);
const links = [];
using netdev = Netdev.open();
for (const name of process.argv.slice(2)) {
  const device = await netdev.findLink(name);
  if (device === undefined) throw new Error(`there is no device ${name}`);
  links.push(await xdpLinkCreate(program, device.ifindex));
}
process.stdout.write('ready\n');
for await (const _ of process.stdin);
for (const link of links) link.close();
