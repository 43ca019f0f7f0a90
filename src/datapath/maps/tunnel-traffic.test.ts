import { expect, it } from 'vitest';
import { CT_FLAG } from '../../model/gen/enums.ts';
import { endpointId } from '../../model/index.ts';
import { parseAddr } from '../../net/index.ts';
import { ctEntryCodec } from '../gen/codecs.ts';
import { TICK_SECONDS } from './conntrack-map.ts';
import { outsideOf } from './outside.ts';
import { tunnelTraffic } from './tunnel-traffic.ts';

const NODE = parseAddr('172.18.0.3');
const ELSEWHERE = outsideOf(parseAddr('10.244.2.9'));
const HERE = endpointId(7);
/** 172.18.0.3 as four bytes in the order of the network. */
const WAY = 0x03_00_12_ac;
const NOW = 1_000;

/** A pod here, its device 5, and a pod of the other node; the last packet is `ago` ticks old. */
function entry(ago: number, flags = 0, way: [number, number] = [5, WAY]) {
  const none = ctEntryCodec.decode(new DataView(new ArrayBuffer(ctEntryCodec.size)));
  const expires = NOW - ago + 60;
  return { ...none, flags, way, endpoint: [HERE, ELSEWHERE] as [typeof HERE, typeof HERE], timeout: 60, expires };
}

it('counts what goes to a node, and how much of it was answered', () => {
  const traffic = tunnelTraffic([entry(30, CT_FLAG.replied), entry(10), entry(20, CT_FLAG.replied)], NOW);
  expect(traffic).toEqual(
    new Map([[NODE, { connections: 3, unanswered: 1, idleSeconds: Math.round(10 * TICK_SECONDS) }]]),
  );
});

it('knows a node on either side', () => {
  const { endpoint, ...rest } = entry(0, 0, [WAY, 5]);
  const turned = { ...rest, endpoint: [endpoint[1], endpoint[0]] as typeof endpoint };
  expect(tunnelTraffic([turned], NOW).get(NODE)?.connections).toBe(1);
});

it('leaves out what is dead, what goes to the world, and what stays here', () => {
  const local = { ...entry(0, 0, [5, 6]), endpoint: [HERE, endpointId(8)] as [typeof HERE, typeof HERE] };
  expect(tunnelTraffic([entry(60), entry(0, 0, [5, 0]), local], NOW).size).toBe(0);
});
