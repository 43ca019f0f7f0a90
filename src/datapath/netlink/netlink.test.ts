import { expect, it } from 'vitest';
import { completeDump } from './netlink.ts';
import { encodeMessages, NLMSG_DONE, NLMSG_ERROR, parseMessages, type Reply, RTM } from './netlink-message.ts';

const NLM_F_MULTI = 2;
const NLM_F_DUMP_INTR = 0x10;

/** What the kernel sends: as many links, and the end of the list, which alone says that it was interrupted. */
function answer(links: number, interruptedAt?: 'entry' | 'end'): Reply[] {
  const flags = (here: boolean): number => NLM_F_MULTI | (here ? NLM_F_DUMP_INTR : 0);
  const entries = Array.from({ length: links }, (_, index) => ({
    type: RTM.newLink,
    flags: flags(interruptedAt === 'entry' && index === links - 1),
    payload: new Uint8Array(16),
  }));
  const end = { type: NLMSG_DONE, flags: flags(interruptedAt === 'end'), payload: new Uint8Array(4) };
  return parseMessages(encodeMessages([...entries, end], 1));
}

async function dump(...answers: Reply[][]): Promise<number> {
  return (await completeDump(async () => answers.shift() ?? answer(0))).length;
}

it.each(['entry', 'end'] as const)('asks again for a list that was interrupted at its %s', async (where) => {
  expect(await dump(answer(2, where), answer(1, where), answer(3))).toBe(3);
});

it('has no list rather than half a one', async () => {
  let asked = 0;
  const always = async (): Promise<Reply[]> => {
    asked += 1;
    return answer(2, 'end');
  };
  await expect(completeDump(always)).rejects.toMatchObject({ code: 'E_DATAPATH_NETLINK' });
  expect(asked).toBe(16);
});

it('says why there is no list', async () => {
  const payload = new Uint8Array(20);
  new DataView(payload.buffer).setInt32(0, -1, true);
  const refused = parseMessages(encodeMessages([{ type: NLMSG_ERROR, flags: 0, payload }], 1));
  await expect(dump(refused)).rejects.toMatchObject({ code: 'E_DATAPATH_PERMISSION' });
});
