import { expect, test } from 'vitest';
import { buildPacket, parseMac } from '../../src/net/index.ts';
import { parsePacket } from '../../src/net/testkit.ts';
import { addr } from './frames.ts';
import { GATEWAY, GATEWAY_MAC } from './lab.ts';
import { A, Pair } from './pair.ts';

const NOBODY = parseMac('00:00:00:00:00:00');

test.each([
  ['broadcast', parseMac('ff:ff:ff:ff:ff:ff'), A],
  ['unicast, as a neighbour is confirmed', GATEWAY_MAC, A],
  ['a probe without a sender', parseMac('ff:ff:ff:ff:ff:ff'), addr('0.0.0.0')],
] as const)('the gateway answers: %s', async (_name, destination, senderIp) => {
  using pair = await Pair.create();
  const request = buildPacket({
    ethernet: { source: pair.a.mac, destination },
    network: {
      kind: 'arp',
      operation: 'request',
      senderMac: pair.a.mac,
      senderIp,
      targetMac: NOBODY,
      targetIp: GATEWAY,
    },
  });
  const { verdict, packet, events } = pair.send(pair.a, request);
  expect([verdict, events.length]).toEqual(['redirect', 0]);
  expect(parsePacket(packet)).toEqual({
    source: GATEWAY_MAC,
    destination: pair.a.mac,
    etherType: 0x0806,
    arp: {
      operation: 2,
      senderMac: GATEWAY_MAC,
      senderIp: GATEWAY,
      targetMac: pair.a.mac,
      targetIp: senderIp,
    },
  });
});
