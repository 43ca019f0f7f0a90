import { decodeForgetRequest, encodeForgetRequest, settleResultCodec } from '../gen/codecs.ts';
import type { Config } from '../gen/config.ts';
import type { ObjectSpec, ProgFd } from '../kernel/index.ts';
import { kernelError, progTestRun } from '../kernel/index.ts';
import type { MapSet } from '../maps/index.ts';
import { loadPrograms } from './loader.ts';

const PROGRAMS = ['forget', 'settle'] as const;

/** Keeps the rows of sock_origins and their accounts true. Works inside the kernel, where both change together. */
export class SocketRows implements Disposable {
  readonly #programs: Record<(typeof PROGRAMS)[number], ProgFd>;

  private constructor(programs: Record<(typeof PROGRAMS)[number], ProgFd>) {
    this.#programs = programs;
  }

  /** `spec` of sockets.bpf.o. Throws what loadPrograms throws. */
  static load(spec: ObjectSpec, maps: MapSet, config: Config): SocketRows {
    return new SocketRows(loadPrograms({ spec, maps, config, programs: PROGRAMS }));
  }

  /** What is known of a socket, if every backend that it was turned to is gone. False: it is still needed, or not there. */
  forget(cookie: bigint): boolean {
    const context = encodeForgetRequest({ cookie, forgotten: 0 });
    this.#run('forget', context);
    return decodeForgetRequest(new DataView(context.buffer)).forgotten !== 0;
  }

  /** Counts every account anew, and forgets sockets without one. Returns how many there are. */
  settle(): number {
    const context = new Uint8Array(settleResultCodec.size);
    this.#run('settle', context);
    return settleResultCodec.decode(new DataView(context.buffer)).found;
  }

  #run(program: (typeof PROGRAMS)[number], context: Uint8Array<ArrayBuffer>): void {
    try {
      progTestRun(this.#programs[program], { context });
    } catch (error) {
      throw kernelError('E_DATAPATH_SYSCALL', `run ${program} on sockets`, error);
    }
  }

  close(): void {
    for (const program of PROGRAMS) this.#programs[program].close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
