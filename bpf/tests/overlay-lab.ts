import type { Config } from '../../src/datapath/gen/config.ts';
import type { ProgFd } from '../../src/datapath/kernel/fd.ts';
import { ifindex } from '../../src/model/index.ts';
import { type PolicyTableRow } from '../../src/model/testkit.ts';
import { type Addr, addrFromBytes, parseAddr, type TransportSpec } from '../../src/net/index.ts';
import { A, B } from './drop-cases/case.ts';
import { fromWorld } from './frames.ts';
import { EVERYTHING, Lab, type LabPod, OTHER_NODE, type Outcome, REMOTE_POD } from './lab.ts';
import { type Envelope, TunnelProbe, wordsOf } from './tunnel-probe.ts';

/** With pods of other nodes. */
export const OVERLAY: Partial<Config> = { enableOverlay: true, overlayIfindex: ifindex(1) };

export const REMOTE = 900;
/** Within the other node's range, and not known here. */
export const NEW_POD = parseAddr('10.244.2.77');

/** One node of several: two pods of its own, and another node with a range and a pod. */
export class OverlayLab extends Lab {
  readonly a: LabPod;
  readonly b: LabPod;
  readonly #device: Record<'from_overlay' | 'to_overlay', ProgFd>;
  readonly #probe: TunnelProbe;

  private constructor(config: Partial<Config>) {
    super({ config: { ...OVERLAY, ...config } });
    this.a = this.pod({ id: 1, addr: A, identity: 300 });
    this.b = this.pod({ id: 2, addr: B, identity: 301 });
    this.#device = this.datapath.load('overlay', ['from_overlay', 'to_overlay'] as const, this.config);
    this.#probe = new TunnelProbe(this.datapath);
    this.join(OTHER_NODE, '10.244.2.0/24');
    this.identify(`${REMOTE_POD}/32`, REMOTE, 0, OTHER_NODE);
    this.turnWorld();
  }

  static async create(
    options: {
      readonly a?: readonly PolicyTableRow[];
      readonly b?: readonly PolicyTableRow[];
      readonly config?: Partial<Config>;
    } = {},
  ): Promise<OverlayLab> {
    const lab = new OverlayLab(options.config ?? {});
    await lab.open(lab.a, options.a ?? EVERYTHING);
    await lab.open(lab.b, options.b ?? EVERYTHING);
    return lab;
  }

  /** A node with its pods' range; `identity`: remote-node. */
  join(node: Addr, range: string, identity = 6): void {
    this.identify(`${node}/32`, identity, 0, node);
    this.identify(range, 255, 0, node);
  }

  /** A packet comes from another node. */
  arriveFrom(envelope: Envelope, frame: Uint8Array): Outcome {
    return this.run(this.#probe.of('arrives', this.#device.from_overlay), frame, 1, { cb: wordsOf(envelope) });
  }

  /** From the other node's pod. */
  hear(transport: TransportSpec, options: Partial<Envelope> & { readonly from?: Addr; readonly to?: Addr } = {}) {
    const { from = REMOTE_POD, to = B, ...envelope } = options;
    return this.arriveFrom(
      { node: OTHER_NODE, identity: REMOTE, reach: 301, ...envelope },
      fromWorld(from, to, transport),
    );
  }

  /** What a pod's frame says when it leaves to another node; undefined: it does not. */
  envelopeOf(pod: LabPod, frame: Uint8Array): Envelope | undefined {
    return this.#envelope(pod.programs.fromPod, frame, 0);
  }

  /** The same of a frame of the node itself. */
  envelopeOfNode(frame: Uint8Array): Envelope | undefined {
    return this.#envelope(this.#device.to_overlay, frame, 0);
  }

  /** The node sends a frame to its overlay device. */
  leaveTo(frame: Uint8Array): Outcome {
    return this.run(this.#device.to_overlay, frame, 0);
  }

  envelopeAtNetdev(frame: Uint8Array): Envelope | undefined {
    return this.#envelope(this.netdev.from_netdev, frame, 1);
  }

  #envelope(program: ProgFd, frame: Uint8Array, ingressIfindex: number): Envelope | undefined {
    const { cb } = this.datapath.run(this.#probe.of('leaves', program), frame, { ingressIfindex });
    const [node = 0, identity = 0, reach = 0] = cb;
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(node);
    return identity === 0 ? undefined : { node: addrFromBytes(bytes), identity, reach };
  }

  override [Symbol.dispose](): void {
    this.#probe[Symbol.dispose]();
    super[Symbol.dispose]();
  }
}
