import { ZERO_CONFIG } from '../../src/datapath/gen/config.ts';
import type { ProgFd } from '../../src/datapath/kernel/fd.ts';
import { mapUpdate } from '../../src/datapath/kernel/syscall.ts';
import { MapSet } from '../../src/datapath/maps/map-set.ts';
import { loadPrograms } from '../../src/datapath/programs/loader.ts';
import type { TestDatapath } from '../../src/datapath/testkit.ts';
import { type Addr, addrBytes } from '../../src/net/index.ts';

/** What a packet says between nodes. */
export type Envelope = {
  readonly node: Addr;
  readonly identity: number;
  /** Whom the sender was allowed to reach; 0: it does not say. */
  readonly reach: number;
};

/** In skb->cb, as the probe reads it. */
export function wordsOf({ identity, reach, node }: Envelope): readonly number[] {
  return [Buffer.from(addrBytes(node)).readUInt32LE(), identity, reach];
}

type ProbeName = 'arrives' | 'leaves';

/** Says and reads what packets carry, beside another program (bpf/tests/tunnel.bpf.c). */
export class TunnelProbe implements Disposable {
  /** Of its own: only `judges` is used of it. */
  readonly #maps = new MapSet({ pinDir: undefined });
  readonly #programs: Record<ProbeName | 'only_encapsulates', ProgFd>;

  constructor(datapath: TestDatapath) {
    const spec = datapath.spec('tests/tunnel');
    const programs = ['arrives', 'leaves', 'only_encapsulates'] as const;
    this.#programs = loadPrograms({ spec, maps: this.#maps, config: ZERO_CONFIG, programs });
  }

  /** What to run in the place of `program`. */
  of(which: ProbeName, program: ProgFd): ProgFd {
    const [key, value] = [new Uint8Array(4), new Uint8Array(4)];
    new DataView(value.buffer).setUint32(0, program.number, true);
    mapUpdate(this.#maps.get('judges'), key, value);
    return this.#programs[which];
  }

  /** The least that a packet to another node costs. */
  get baseline(): ProgFd {
    return this.#programs.only_encapsulates;
  }

  [Symbol.dispose](): void {
    for (const program of Object.values(this.#programs)) program.close();
    this.#maps.close();
  }
}
