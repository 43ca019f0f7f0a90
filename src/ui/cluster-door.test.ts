import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { expect, it } from 'vitest';
import type { Caller } from '../api/server.ts';
import { MembraneError } from '../base/index.ts';
import { FakeClock } from '../base/testkit.ts';
import { clusterDoor } from './cluster-door.ts';
import type { FlowsOfNodes } from './cluster-reading.ts';

const request = (headers: IncomingHttpHeaders) => ({ headers, socket: new Socket() }) as IncomingMessage;
const bearer = (token: string) => request({ authorization: `Bearer ${token}` });

/** A cluster in which a token is its owner's name, but for those that are nobody's. */
function cluster(nobody: ReadonlySet<string> = new Set(), slow: Promise<void> = Promise.resolve()) {
  const seen: IncomingHttpHeaders[] = [];
  let asked = 0;
  const { promise: answer, resolve: release } = Promise.withResolvers<void>();
  const flows: FlowsOfNodes = {
    whoShows: async ({ headers }): Promise<Caller> => {
      seen.push(headers);
      const name = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1];
      if (name === 'slow') await slow;
      if (name === undefined || nobody.has(name)) throw new MembraneError('E_HUBBLE_NOBODY', 'nobody', 'log in');
      return { seesAll: false, subject: { name, groups: [] }, stillHolds: undefined };
    },
    proof: async () => {
      asked += 1;
      await answer;
      return [];
    },
    remedy: async () => await Promise.reject(new Error('not asked here')),
    nodes: async () => [],
    inventory: async () => [],
    flows: async function* () {},
  };
  return { door: clusterDoor(flows, new FakeClock()), seen, asked: () => asked, release };
}

it('asks nodes two questions of one person at a time, and eight of all', async () => {
  const { door, asked, release } = cluster();
  const look = async (name: string) => await (await door.enter(bearer(name), undefined)).matrix.look();
  const waiting: Promise<unknown>[] = [];
  for (const [i, name] of ['a', 'b', 'c', 'd'].entries()) {
    waiting.push(look(name), look(name));
    await expect.poll(asked).toBe(2 * (i + 1));
    await expect(look(name)).rejects.toMatchObject({ code: 'E_UI_FULL' });
  }
  await expect(look('e')).rejects.toMatchObject({ code: 'E_UI_FULL' });
  expect(asked()).toBe(8);
  release();
  await Promise.all(waiting);
  await expect(look('e')).resolves.toMatchObject({ nodes: [] });
});

it('believes nothing that a browser says but who shows what', async () => {
  const { door, seen } = cluster();
  await door.enter(request({ 'membrane-as': 'admin', 'x-forwarded-for': '1', authorization: 'Bearer a' }), undefined);
  await expect(door.enter(request({ 'membrane-as': 'admin' }), undefined)).rejects.toMatchObject({
    code: 'E_UI_LOGIN',
  });
  expect(seen).toEqual([{ authorization: 'Bearer a' }, {}]);
});

it('ends a session whose token is nobody’s, also where somebody has that token later', async () => {
  const nobody = new Set<string>();
  const { door } = cluster(nobody);
  const { session } = (await door.login?.begin('a')) ?? { session: '' };
  expect((await door.enter(request({}), session)).who).toBe('a');
  nobody.add('a');
  await expect(door.enter(request({}), session)).rejects.toMatchObject({ code: 'E_UI_LOGIN' });
  nobody.clear();
  expect((await door.enter(bearer('a'), undefined)).who).toBe('a');
  await expect(door.enter(request({}), session)).rejects.toMatchObject({ code: 'E_UI_LOGIN' });
});

it('lets nobody who shows made-up tokens keep those out who have logged in', async () => {
  const { promise: slow, resolve: answer } = Promise.withResolvers<void>();
  const { door, seen } = cluster(new Set(['slow']), slow);
  const { session } = (await door.login?.begin('a')) ?? { session: '' };
  const flood = Array.from({ length: 16 }, async () => await door.enter(bearer('slow'), undefined));
  await expect.poll(() => seen.length).toBe(17);
  await expect(door.enter(bearer('slow'), undefined)).rejects.toMatchObject({ code: 'E_UI_FULL' });
  expect((await door.enter(request({}), session)).who).toBe('a');
  answer();
  const ended = await Promise.allSettled(flood);
  expect(new Set(ended.map(({ status }) => status))).toEqual(new Set(['rejected']));
  expect((await door.enter(bearer('b'), undefined)).who).toBe('b');
});
