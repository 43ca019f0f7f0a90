import { type Addr, buildPacket, ETHERTYPE, parseAddr, parseMac } from '../../net/index.ts';
import type { FrameCase } from './frame-case.ts';
import { BROADCAST_MAC, concat, GATEWAY, type Party, podFrame, syn, udp } from './frames.ts';

const VXLAN_PORT = 8472;

export type SpoofScene = {
  readonly attacker: Party;
  /** Whom the victim listens to. */
  readonly friend: Party;
  readonly victim: Party;
  readonly victimPort: number;
  readonly node: Addr;
};

function arp(scene: SpoofScene, operation: 'request' | 'reply', sender: Addr, target: Addr, marker: Uint8Array) {
  const { attacker } = scene;
  const frame = buildPacket({
    ethernet: { source: attacker.mac, destination: BROADCAST_MAC },
    network: {
      kind: 'arp',
      operation,
      senderMac: attacker.mac,
      senderIp: sender,
      targetMac: operation === 'reply' ? GATEWAY.mac : parseMac('00:00:00:00:00:00'),
      targetIp: target,
    },
  });
  return concat(frame, marker);
}

/** VXLAN (RFC 7348) that says: this comes from identity `vni`, and it is a packet of the friend for the victim. */
function vxlan(scene: SpoofScene, vni: number, marker: Uint8Array): Uint8Array {
  const header = Uint8Array.of(0x08, 0, 0, 0, vni >> 16, vni >> 8, vni, 0);
  const inner = podFrame(scene.friend, scene.victim.ip, syn(40_000, scene.victimPort, marker));
  return podFrame(scene.attacker, scene.node, udp(40_000, VXLAN_PORT, concat(header, inner)));
}

/** A pod with CAP_NET_RAW pretends to be somebody else; every frame is addressed so that it would do harm if it passed. */
export function spoofCases(scene: SpoofScene): FrameCase[] {
  const { attacker, friend, victim, victimPort, node } = scene;
  const toVictim = (marker: Uint8Array) => syn(40_000, victimPort, marker);
  const loopback = parseAddr('127.0.0.1');
  return [
    {
      name: 'source-ip',
      tried: "SYN to the backend with the frontend's source IP",
      reason: 'spoofed-ip',
      frames: (marker) => [podFrame({ ...attacker, ip: friend.ip }, victim.ip, toVictim(marker))],
    },
    {
      name: 'source-ip-and-mac',
      tried: "the same with the frontend's source MAC as well",
      reason: 'spoofed-mac',
      frames: (marker) => [podFrame(friend, victim.ip, toVictim(marker))],
    },
    {
      name: 'source-ip-of-node',
      tried: "the same with the node's source IP",
      reason: 'spoofed-ip',
      frames: (marker) => [podFrame({ ...attacker, ip: node }, victim.ip, toVictim(marker))],
    },
    {
      name: 'source-mac',
      tried: 'its own IP with another source MAC',
      reason: 'spoofed-mac',
      frames: (marker) => [podFrame({ ...attacker, mac: parseMac('02:00:00:00:00:01') }, victim.ip, toVictim(marker))],
    },
    {
      name: 'destination-mac',
      tried: "addressed to the backend's MAC instead of the gateway's",
      reason: 'wrong-gateway-mac',
      frames: (marker) => [podFrame(attacker, victim.ip, toVictim(marker), { ethernet: { destination: victim.mac } })],
    },
    {
      name: 'broadcast-mac',
      tried: 'addressed to the broadcast MAC',
      reason: 'wrong-gateway-mac',
      frames: (marker) => [
        podFrame(attacker, victim.ip, toVictim(marker), { ethernet: { destination: BROADCAST_MAC } }),
      ],
    },
    {
      name: 'vlan',
      tried: 'with a VLAN tag (802.1Q)',
      reason: 'vlan',
      frames: (marker) => [podFrame(attacker, victim.ip, toVictim(marker), { ethernet: { vlan: 7 } })],
    },
    {
      name: 'vlan-priority',
      tried: 'with a priority tag (VLAN 0), which many stacks take off silently',
      reason: 'vlan',
      frames: (marker) => [podFrame(attacker, victim.ip, toVictim(marker), { ethernet: { vlan: 0 } })],
    },
    {
      name: 'vlan-stacked',
      tried: 'with a service tag (802.1ad)',
      reason: 'vlan',
      frames: (marker) => {
        const inner = podFrame(attacker, victim.ip, toVictim(marker)).subarray(12);
        return [
          buildPacket({
            ethernet: { source: attacker.mac, destination: GATEWAY.mac },
            network: { kind: 'raw', etherType: ETHERTYPE.QinQ, bytes: concat(Uint8Array.of(0, 7), inner) },
          }),
        ];
      },
    },
    {
      name: 'loopback-source',
      tried: 'with 127.0.0.1 as source, to the node and to the backend',
      reason: 'loopback-address',
      frames: (marker) =>
        [node, victim.ip].map((to) => podFrame({ ...attacker, ip: loopback }, to, udp(40_000, victimPort, marker))),
    },
    {
      name: 'loopback-destination',
      tried: "to 127.0.0.1, the node's own loopback (CVE-2020-8558)",
      reason: 'loopback-address',
      frames: (marker) => [
        podFrame(attacker, loopback, udp(40_000, 53, marker)),
        podFrame(attacker, loopback, syn(40_000, 6443, marker)),
      ],
    },
    {
      name: 'arp-answer',
      tried: "answers ARP for the frontend's and for the gateway's address",
      reason: 'arp-foreign',
      frames: (marker) => [
        arp(scene, 'reply', friend.ip, victim.ip, marker),
        arp(scene, 'reply', GATEWAY.ip, victim.ip, marker),
      ],
    },
    {
      name: 'arp-unasked',
      tried: 'unasked ARP answers and announcements for its own address',
      reason: 'arp-unexpected',
      frames: (marker) => [arp(scene, 'reply', attacker.ip, attacker.ip, marker)],
    },
    {
      name: 'arp-flood',
      tried: 'a flood of ARP requests for other addresses',
      reason: 'arp-foreign',
      count: 500,
      frames: (marker) => [arp(scene, 'request', attacker.ip, victim.ip, marker)],
    },
    {
      name: 'vxlan',
      tried: `VXLAN to the node's UDP port ${VXLAN_PORT} that claims to be the frontend, another identity and the host`,
      reason: 'forged-tunnel',
      frames: (marker) => [256, 40_000, 1].map((vni) => vxlan(scene, vni, marker)),
    },
  ];
}
