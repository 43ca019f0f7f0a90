import { type Config, ZERO_CONFIG } from '../../src/datapath/gen/config.ts';
import type { ProgFd } from '../../src/datapath/kernel/fd.ts';
import { progLoad } from '../../src/datapath/kernel/syscall.ts';
import type { MapSizes } from '../../src/datapath/maps/map-set.ts';
import { OUTSIDE_WORDS } from '../../src/datapath/maps/outside.ts';
import { type LoadedEndpoint, TestDatapath } from '../../src/datapath/testkit.ts';
import { endpointId, identityId, ifindex, ruleId } from '../../src/model/index.ts';
import { type PolicyTableRow } from '../../src/model/testkit.ts';
import { type Addr, buildPacket, macOfAddr, parseAddr, type TcpFlag } from '../../src/net/index.ts';

export const CLIENT: Addr = parseAddr('10.244.1.10');
export const SERVER: Addr = parseAddr('10.244.1.11');
export const PORT = 8080;
const SOURCE_PORT = 40_000;
const DEVICE = { client: 4, server: 5 } as const;
const IDENTITY = { client: 300, server: 301 } as const;

/** Both pods and the gateway have the receiver's MAC address, so that a delivered frame can be sent again. */
const MAC = macOfAddr(SERVER);

/** What an agent with default settings switches on. */
export const DEFAULTS: Config = {
  ...ZERO_CONFIG,
  enableEvents: true,
  enableFragments: true,
  enableMasquerade: true,
  enableCidrSelects: true,
  enableCounters: true,
  enablePolicy: true,
  enableIcmpErrors: true,
  mac: MAC,
  gatewayMac: MAC,
  gatewayIpv4: parseAddr('169.254.1.1'),
  nodeIpv4: parseAddr('172.18.0.2'),
  uplinkIfindex: ifindex(2),
  tunnelPort: 8472,
  snatPortMin: 61_000,
  snatPortMax: 65_000,
  ctQuota: 65_536,
  ctGuaranteed: 65_536,
  eventRate: 20_000,
};

const SIZES: MapSizes = { policy: 131_072, conntrack: 65_536, events: 1 << 22 };

export function frame(options: {
  readonly flags?: readonly TcpFlag[];
  readonly port?: number;
  readonly source?: Addr;
  readonly sourcePort?: number;
  /** Instead of the server's. */
  readonly to?: Addr;
  /** From the server to the client. */
  readonly answer?: boolean;
}) {
  const client = { addr: options.source ?? CLIENT, port: options.sourcePort ?? SOURCE_PORT };
  const server = { addr: options.to ?? SERVER, port: options.port ?? PORT };
  const [from, to] = options.answer === true ? [server, client] : [client, server];
  return buildPacket({
    ethernet: { source: MAC, destination: MAC },
    network: { kind: 'ipv4', source: from.addr, destination: to.addr },
    transport: {
      kind: 'tcp',
      sourcePort: from.port,
      destinationPort: to.port,
      flags: options.flags ?? ['ACK'],
      // 64 bytes in all.
      payload: new Uint8Array(10),
    },
  });
}

/** Rows that concern neither of the two pods. */
export function bystanders(count: number): readonly PolicyTableRow[] {
  return Array.from({ length: count }, (_, index) => ({
    direction: index % 2 === 0 ? 'ingress' : 'egress',
    peer: identityId(1000 + (index >> 3)),
    protocol: 6,
    port: 1 + (index & 7) * 1001,
    portBits: 16,
    verdict: 'allow',
    precedence: 1,
    rule: ruleId(1),
  }));
}

/** Two pods of one node, the second open to the first on one port; no devices. */
export class Scene implements Disposable {
  readonly datapath: TestDatapath;
  readonly client: LoadedEndpoint;
  readonly server: LoadedEndpoint;
  #revision = 1;

  constructor(config: Partial<Config> = {}, sizes: MapSizes = {}) {
    this.datapath = new TestDatapath({ sizes: { ...SIZES, ...sizes } });
    const load = (id: number, ipv4: Addr, device: number) =>
      this.datapath.loadEndpoint({
        ...DEFAULTS,
        ...config,
        endpoint: endpointId(id),
        ifindex: ifindex(device),
        ipv4,
      });
    this.client = load(1, CLIENT, DEVICE.client);
    this.server = load(2, SERVER, DEVICE.server);
  }

  /** Opens both pods, with so many rows more in their tables. */
  async open(moreRows = 0): Promise<void> {
    const row = { precedence: 1, rule: ruleId(2), verdict: 'allow' } as const;
    const rows = bystanders(moreRows);
    const any = { direction: 'egress', peer: identityId(0), protocol: 0, port: 0, portBits: 0, ...row } as const;
    const peer = identityId(IDENTITY.client);
    const service = { direction: 'ingress', peer, protocol: 6, port: PORT, portBits: 16, ...row } as const;
    this.datapath.turnOutside(OUTSIDE_WORDS, 1);
    await this.datapath.open(1, IDENTITY.client, (this.#revision += 1), [any, ...rows]);
    await this.datapath.open(2, IDENTITY.server, (this.#revision += 1), [service, ...rows]);
  }

  /** Lets the client open its connection, and the server answer. */
  establish(): void {
    const steps = [
      this.datapath.run(this.client.fromPod, frame({ flags: ['SYN'] })),
      this.datapath.run(this.server.fromPod, frame({ flags: ['SYN', 'ACK'], answer: true })),
      this.datapath.run(this.client.fromPod, frame({ flags: ['ACK'] })),
    ];
    const wrong = steps.find(({ action }) => action !== 'redirect');
    if (wrong !== undefined) throw new Error(`the connection was not opened: ${wrong.action}`);
  }

  /** ns of one run. */
  cost(packet: Uint8Array, expected: 'redirect' | 'drop', repeat: number): number {
    const { action, duration } = this.datapath.run(this.client.fromPod, packet, { repeat });
    if (action !== expected) throw new Error(`expected ${expected}, found ${action}`);
    return duration;
  }

  [Symbol.dispose](): void {
    this.datapath.close();
  }
}

const SCHED_CLS = 3;
const REDIRECT_PEER = 155;

/** A program that does nothing but `return bpf_redirect_peer(ifindex, 0)`. */
export function redirectOnly(device: number = DEVICE.server): ProgFd {
  const code = new DataView(new ArrayBuffer(4 * 8));
  const instruction = (index: number, opcode: number, register: number, immediate: number): void => {
    code.setUint8(index * 8, opcode);
    code.setUint8(index * 8 + 1, register);
    code.setInt32(index * 8 + 4, immediate, true);
  };
  instruction(0, 0xb7, 1, device);
  instruction(1, 0xb7, 2, 0);
  instruction(2, 0x85, 0, REDIRECT_PEER);
  instruction(3, 0x95, 0, 0);
  return progLoad(SCHED_CLS, new Uint8Array(code.buffer));
}
