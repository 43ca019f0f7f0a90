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
    const request = new DataView(new ArrayBuffer(16));
    request.setBigUint64(0, cookie, true);
    this.#run('forget', request);
    return request.getUint32(8, true) !== 0;
  }

  /** Counts every account anew, and forgets sockets without one. Returns how many there are. */
  settle(): number {
    const result = new DataView(new ArrayBuffer(4));
    this.#run('settle', result);
    return result.getUint32(0, true);
  }

  #run(program: (typeof PROGRAMS)[number], context: DataView<ArrayBuffer>): void {
    try {
      progTestRun(this.#programs[program], { context: new Uint8Array(context.buffer) });
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
