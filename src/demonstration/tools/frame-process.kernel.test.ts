import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAddr, parseMac } from '../../net/index.ts';
import { run } from '../../sandbox/machine/command.ts';
import { createNetns, deleteNetns, ipBatch, netnsPath } from '../../sandbox/machine/netns.ts';
import { newMarker, podFrame, udp } from '../frames/frames.ts';
import { probe, sendFrames, startConnect, startCount, startSend, startServe } from './frame-tool.ts';

const LEFT = `mbr-frame-l${process.pid}`;
const RIGHT = `mbr-frame-r${process.pid}`;
const left = netnsPath(LEFT);
const right = netnsPath(RIGHT);
const from = { ip: parseAddr('10.9.9.1'), mac: parseMac('02:00:00:00:09:01') };
const to = parseAddr('10.9.9.2');

function frame(marker: Uint8Array): Uint8Array {
  return podFrame(from, to, udp(1, 2, marker), { ethernet: { destination: parseMac('02:00:00:00:09:02') } });
}

describe('membrane-frame', () => {
  beforeAll(async () => {
    await createNetns(LEFT);
    await createNetns(RIGHT);
    await ipBatch(LEFT, [
      `link add eth0 address ${from.mac} type veth peer name eth0 address 02:00:00:00:09:02 netns ${RIGHT}`,
      `addr add ${from.ip}/24 dev eth0`,
      'link set eth0 up',
      // The other end changes its address for a while, which must not be learned.
      `neigh replace ${to} lladdr 02:00:00:00:09:02 dev eth0 nud permanent`,
      // Nobody is there, and that is not found out while somebody waits.
      'neigh replace 10.9.9.77 lladdr 02:00:00:00:09:77 dev eth0 nud permanent',
    ]);
    await ipBatch(RIGHT, [`addr add ${to}/24 dev eth0`, 'link set eth0 up']);
  });
  afterAll(async () => {
    await deleteNetns(LEFT);
    await deleteNetns(RIGHT);
  });

  it('counts exactly what it sends, by pattern', async () => {
    const [a, b] = [newMarker(), newMarker()];
    const counter = await startCount(right, { devices: ['eth0'], patterns: { a, b, never: newMarker() } });
    const local = await startCount(right, { local: true, patterns: { a } });
    expect(await sendFrames(left, [frame(a), frame(b)], { count: 300 })).toMatchObject({ sent: 600, failed: 0 });
    await expect.poll(async () => (await counter.report()).matches).toEqual({ a: 300, b: 300, never: 0 });
    await expect.poll(async () => (await local.report()).matches).toEqual({ a: 300 });
    expect(await counter.stop()).toMatchObject({ lost: 0, matches: { a: 300, b: 300, never: 0 } });
    expect((await local.stop()).matches).toEqual({ a: 300 });
  });

  it('says which frames a device without a carrier did not take', async () => {
    await run(['ip', '-n', RIGHT, 'link', 'set', 'eth0', 'down']);
    const report = await sendFrames(left, [frame(newMarker())], { count: 10 });
    await run(['ip', '-n', RIGHT, 'link', 'set', 'eth0', 'up']);
    expect(report).toMatchObject({ sent: 0, failed: 10 });
    expect(report.firstError).not.toBe('');
  });

  it('waits for a device, answers meanwhile, and ends when told', async () => {
    const sender = startSend(left, [frame(newMarker())], { device: 'later', wait: true, count: 0 });
    expect(await sender.report()).toMatchObject({ sent: 0, waitedMs: -1 });
    await ipBatch(LEFT, ['link add later type veth peer name lates', 'link set lates up', 'link set later up']);
    while ((await sender.report()).sent === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await sender.stop()).waitedMs).toBeGreaterThanOrEqual(0);
    expect(await sender.report()).toEqual(await sender.finished);
  });

  it('answers everybody who asks at once', async () => {
    const counter = await startCount(right, { devices: ['eth0'], patterns: { a: newMarker() } });
    const sender = startSend(left, [frame(newMarker())], { count: 0 });
    const server = await startServe(right, { port: 8082 });
    const client = startConnect(left, { to, port: 8082 });
    for (const tool of [counter, sender, server, client]) {
      const all = await Promise.all(Array.from({ length: 20 }, async () => await tool.report()));
      expect(all).toHaveLength(20);
      await tool.stop();
    }
  });

  it('ends by itself when its time is over', async () => {
    const sender = startSend(left, [frame(newMarker())], { count: 0, rate: 100, seconds: 0.2 });
    // Nobody shall take what it did by then for all that it was to do.
    await expect(sender.finished).rejects.toThrow('its time was over');
    await expect(sender.report()).rejects.toThrow('its time was over');
  });

  it('talks TCP, tells the numbers of a connection, and sees injected bytes', async () => {
    const server = await startServe(right, { port: 8080, push: true, rate: 100 });
    const client = startConnect(left, { to, port: 8080, rate: 100 });
    let report = await client.report();
    while (report.state !== 'open' || report.received === 0) report = await client.report();
    expect(report.sequence).toBeGreaterThan(0);
    const served = await server.report();
    expect(served).toMatchObject({ accepted: 1, marked: 0 });
    expect(served.connections[0]).toMatchObject({ state: 'open', peer: report.local });
    await client.stop();
    // Its port is free again at once, though the connection is still on its way out.
    await server.stop();
    await (await startServe(right, { port: 8080 })).stop();
  });

  it('tells a segment that was lost from one that was only sent twice', async () => {
    const server = await startServe(right, { port: 8081 });
    const client = startConnect(left, { to, port: 8081, rate: 100 });
    let report = await client.report();
    while (report.acked < 100) report = await client.report();
    // A busy machine sends some twice; that such a one had arrived is told a little later.
    while (report.retransmits !== report.duplicates) report = await client.report();
    const { acked, retransmits: before } = report;
    // Frames for another address are lost on arrival; a device that is down would hold the sender back instead.
    await run(['ip', '-n', RIGHT, 'link', 'set', 'eth0', 'address', '02:00:00:00:09:99']);
    // The first may be of a segment that had arrived already.
    while (report.retransmits <= before + 2) report = await client.report();
    await run(['ip', '-n', RIGHT, 'link', 'set', 'eth0', 'address', '02:00:00:00:09:02']);
    while (report.acked < acked + 500) report = await client.report();
    expect(report.retransmits).toBeGreaterThan(report.duplicates);
    await client.stop();
    await server.stop();
  });

  it('says why a connection does not come about', async () => {
    expect((await probe(left, { to, port: 9 })).state).toBe('ECONNREFUSED');
    expect((await probe(left, { to: '10.9.9.77', port: 9, timeoutMs: 200 })).state).toBe('timeout');
  });

  it('refuses nonsense with its own message', async () => {
    await expect(startCount(right, { devices: ['nowhere'], patterns: {} })).rejects.toThrow(
      'there is no device nowhere',
    );
    await expect(probe(left, { to: 'nobody', port: 1 })).rejects.toMatchObject({ code: 'E_ATTACK_TOOL' });
  });
});
