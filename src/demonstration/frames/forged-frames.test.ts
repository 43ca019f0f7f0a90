import { describe, expect, it } from 'vitest';
import { macOfAddr, parseAddr } from '../../net/index.ts';
import { parsePacket } from '../../net/testkit.ts';
import { chaosFrames } from './chaos-frames.ts';
import { disabledProtocolCases } from './disabled-protocol-frames.ts';
import { GATEWAY, MARKER_BYTES, newMarker } from './frames.ts';
import { loopbackCases } from './loopback-frames.ts';
import { type SpoofScene, spoofCases } from './spoof-frames.ts';

function party(text: string) {
  const ip = parseAddr(text);
  return { ip, mac: macOfAddr(ip) };
}

const scene: SpoofScene = {
  attacker: party('10.244.1.9'),
  friend: party('10.244.1.2'),
  victim: party('10.244.1.3'),
  victimPort: 8080,
  node: parseAddr('172.18.0.2'),
};
const marker = newMarker();
const cases = [...spoofCases(scene), ...disabledProtocolCases(scene)];

function contains(frame: Uint8Array): boolean {
  return Buffer.from(frame).includes(Buffer.from(marker));
}

/** As the kernel sees it: without tags. */
function untagged(frame: Uint8Array): Uint8Array {
  const isTagged = frame[12] === 0x81 && frame[13] === 0;
  return isTagged ? untagged(Uint8Array.from([...frame.subarray(0, 12), ...frame.subarray(16)])) : frame;
}

/** The only frame of a case, read back. */
function frameOf(name: string) {
  const [frame] = cases.find((one) => one.name === name)?.frames(marker) ?? [];
  if (frame === undefined) throw new TypeError(name);
  return parsePacket(frame);
}

describe('forged frames', () => {
  it('have markers that differ', () => {
    expect(marker).toHaveLength(MARKER_BYTES);
    expect(newMarker()).not.toEqual(marker);
  });

  it.each(cases.map((one) => [one.name, one] as const))('%s: every frame carries the marker', (_name, one) => {
    const frames = one.frames(marker);
    expect(frames.length).toBeGreaterThan(0);
    expect(frames.every(contains)).toBe(true);
  });

  it('differ from an honest frame in the one thing that they forge', () => {
    const honest = {
      source: scene.attacker.mac,
      destination: GATEWAY.mac,
      ip: { source: scene.attacker.ip, destination: scene.victim.ip, checksumOk: true },
      transport: { destinationPort: 8080, checksumOk: true },
    };
    expect(frameOf('source-ip')).toMatchObject({ ...honest, ip: { ...honest.ip, source: scene.friend.ip } });
    expect(frameOf('destination-mac')).toMatchObject({ ...honest, destination: scene.victim.mac });
    expect(frameOf('vlan')).toMatchObject({ ...honest, vlan: 7 });
    expect(frameOf('vlan-priority')).toMatchObject({ ...honest, vlan: 0 });
  });

  it('have names of their own', () => {
    expect(new Set(cases.map((one) => one.name)).size).toBe(cases.length);
  });
});

describe('frames of agent_of_chaos', () => {
  const numbers = {
    localPort: 40_123,
    remote: scene.victim.ip,
    remotePort: 8080,
    sequence: 0xffff_fff0,
    acknowledgement: 77,
  };
  const frames = chaosFrames(scene.friend, numbers, marker);

  it('come from the reused address with its own MAC, and carry the marker', () => {
    for (const frame of frames) {
      expect(contains(frame)).toBe(true);
      expect(parsePacket(frame)).toMatchObject({ source: scene.friend.mac, ip: { source: scene.friend.ip } });
    }
  });

  it("go on with the old connection's ports and sequence numbers, across the wrap", () => {
    const [first, , third] = frames.map(parsePacket);
    expect(first?.transport).toMatchObject({
      sourcePort: 40_123,
      destinationPort: 8080,
      tcp: { flags: ['PSH', 'ACK'], sequence: 0xffff_fff0, acknowledgement: 77 },
      checksumOk: true,
    });
    expect(third?.transport?.tcp?.sequence).toBe((0xffff_fff0 + 8 + MARKER_BYTES) >>> 0);
  });
});

describe.each([true, false])("frames to the node's loopback (of a pod: %s)", (isPod) => {
  const { attacker, node, friend } = scene;
  const ports = { nodePort: 30_877, plain: 8001 };
  const loopback = loopbackCases({ attacker, nextHop: GATEWAY.mac, node, other: friend.ip, isPod, ports });

  it.each(loopback.map((one) => [one.name, one] as const))('%s: TCP and UDP alike, with the marker', (_name, one) => {
    const frames = one.frames(marker);
    expect(frames.every(contains)).toBe(true);
    const parsed = frames.map(untagged).map(parsePacket);
    const numbers = (protocol: number) => parsed.filter(({ ip }) => ip?.protocol === protocol);
    expect(numbers(6)).toHaveLength(frames.length / 2);
    expect(numbers(17)).toHaveLength(frames.length / 2);
    for (const { source, destination, ip, transport } of parsed) {
      expect({ source, destination }).toEqual({ source: attacker.mac, destination: GATEWAY.mac });
      expect(ip?.checksumOk && transport?.checksumOk).toBe(true);
      // Each of them concerns the node's loopback, or says that it is the node.
      const ends = [ip?.source ?? '', ip?.destination ?? ''];
      expect(ends.some((end) => end.startsWith('127.')) || ends[0] === node).toBe(true);
    }
  });

  it('go to both ports where the port makes a difference', () => {
    const own =
      loopback
        .find(({ name }) => name === 'own-source')
        ?.frames(marker)
        .map(parsePacket) ?? [];
    expect(new Set(own.map(({ transport }) => transport?.destinationPort))).toEqual(new Set([30_877, 8001]));
    expect(new Set(own.map(({ ip }) => `${ip?.source} ${ip?.destination}`))).toEqual(
      new Set([`${attacker.ip} 127.0.0.1`]),
    );
  });
});
