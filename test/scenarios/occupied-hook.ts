/**
 * Run inside a node's namespace as `node occupied-hook.ts IFINDEX PIN`: takes the program of a pinned link off its device
 * and leaves no room at that hook, so that nothing can be attached there; says so, and stays until its standard input ends.
 * With it the room is back.
 */

import { linkDetach, linkInfo, objectGet, progLoad, tcxLinkCreate } from '../../src/datapath/kernel/syscall.ts';
import { ifindex } from '../../src/model/index.ts';

const SCHED_CLS = 3;
/** BPF_MPROG_MAX: more than the kernel takes at a hook. */
const TRIES = 64;
/** `return TCX_NEXT;` */
const HARMLESS = new Uint8Array([0xb7, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x95, 0, 0, 0, 0, 0, 0, 0]);

const device = ifindex(Number(process.argv[2]));
const link = objectGet('link', process.argv[3] ?? '');
if (link === undefined) throw new Error('no link is pinned there');
const { attachType } = linkInfo(link);

async function fill(count: number): Promise<number> {
  const tries = Array.from({ length: count }, () => tcxLinkCreate(progLoad(SCHED_CLS, HARMLESS), device, attachType));
  return (await Promise.allSettled(tries)).filter(({ status }) => status === 'fulfilled').length;
}

const beside = await fill(TRIES);
await linkDetach(link);
const instead = await fill(1);
if (beside === TRIES || instead === 0) throw new Error(`there is room still: ${beside} and ${instead}`);
process.stdout.write(`attached ${beside + instead}\n`);
process.stdin.resume().once('end', () => process.exit(0));
