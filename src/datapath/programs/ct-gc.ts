import { type CollectResult, collectResultCodec } from '../gen/codecs.ts';
import { type Config, ZERO_CONFIG } from '../gen/config.ts';
import type { ObjectSpec, ProgFd } from '../kernel/index.ts';
import { kernelError, progTestRun } from '../kernel/index.ts';
import type { MapSet } from '../maps/index.ts';
import { loadPrograms } from './loader.ts';

/** Removes dead connections, with the ports that they held, and corrects ct_usage. Runs inside the kernel: walking from here would cost seconds. */
export class ConntrackCollector implements Disposable {
  readonly #program: ProgFd;

  private constructor(program: ProgFd) {
    this.#program = program;
  }

  /** `spec` of conntrack.bpf.o. Throws what loadPrograms throws. */
  static load(spec: ObjectSpec, maps: MapSet, config: Config = ZERO_CONFIG): ConntrackCollector {
    return new ConntrackCollector(loadPrograms({ spec, maps, config, programs: ['collect'] }).collect);
  }

  /** One pass over the table. */
  run(): CollectResult {
    const context = new Uint8Array(collectResultCodec.size);
    try {
      progTestRun(this.#program, { context });
      return collectResultCodec.decode(new DataView(context.buffer));
    } catch (error) {
      throw kernelError('E_DATAPATH_SYSCALL', 'run the conntrack collector', error);
    }
  }

  close(): void {
    this.#program.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
