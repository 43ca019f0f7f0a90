/**
 * Run inside a node's namespace as `node foreign-programs.ts IFINDEX`: puts a tcx program in front of Membrane's and an
 * XDP program at a device, both harmless, says so, and stays until its standard input ends. With it they go.
 */

import { cgroupLinkCreate, progLoad, TCX_INGRESS, tcxLinkCreate } from '../../src/datapath/kernel/syscall.ts';
import { ifindex } from '../../src/model/index.ts';

const PROGRAM = { schedCls: 3, xdp: 6 } as const;
const ATTACH_XDP = 37;
/** TCX_NEXT and XDP_PASS. */
const [NEXT, PASS] = [-1, 2];

/** `return value;` */
function returning(value: number): Uint8Array {
  const code = new DataView(new ArrayBuffer(16));
  code.setUint8(0, 0xb7);
  code.setInt32(4, value, true);
  code.setUint8(8, 0x95);
  return new Uint8Array(code.buffer);
}

const device = ifindex(Number(process.argv[2]));
const links = [
  await tcxLinkCreate(progLoad(PROGRAM.schedCls, returning(NEXT)), device, TCX_INGRESS),
  // The system call is the same for every kind of link: program, target, type.
  cgroupLinkCreate(progLoad(PROGRAM.xdp, returning(PASS)), device, ATTACH_XDP),
];
process.stdout.write(`attached ${links.length}\n`);
process.stdin.resume().once('end', () => process.exit(0));
