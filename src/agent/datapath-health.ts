import { type Clock, errorMessage, type Lifecycle, type Logger, type Service } from '../base/index.ts';
import { Counter, Gauge, type Registry } from '../base/metrics.ts';
import type { EndpointWords, Generation } from '../datapath/index.ts';
import type { EndpointPrograms } from './endpoint-programs.ts';
import type { Endpoint, EndpointTable } from './endpoint-table.ts';
import type { NodeDevices } from './node-devices.ts';

/** How soon what somebody changed in the kernel is put back. */
const LOOK_MS = 10_000;

export type DatapathHealthOptions = {
  readonly generation: Generation;
  readonly endpoints: EndpointTable;
  readonly programs: EndpointPrograms;
  readonly devices: Pick<NodeDevices, 'problems' | 'look'>;
  /** The programs of sockets: how they differ, and putting them in place. */
  readonly sockets: { readonly difference: () => string | undefined; readonly attach: () => Promise<unknown> };
  readonly words: EndpointWords;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Logger;
};

/**
 * Compares what runs in the kernel with what should, and puts right what differs: maps and links without pins, programs
 * of another build, with other constants or on other maps. A pod whose programs cannot be put right is closed.
 */
export class DatapathHealth implements Service {
  readonly #o: DatapathHealthOptions;
  readonly #repairs: Counter;
  /** What the last look could not put right. */
  #unrepaired: readonly string[] = [];

  constructor(options: DatapathHealthOptions) {
    this.#o = options;
    const { registry } = options;
    this.#repairs = new Counter({
      name: 'membrane_datapath_repairs_total',
      help: 'Maps, links and programs that were not as they should be and were put right',
      registers: [registry],
    });
    registerGauge(registry, () => this.#unrepaired.length);
  }

  /** What could not be put right, and what an earlier life left that cannot be as it is configured. */
  get standing(): readonly string[] {
    return [...this.#o.generation.problems, ...this.#unrepaired];
  }

  /** How what runs now differs from what should, for people. Changes nothing. */
  problems(): string[] {
    const { generation, devices, sockets, programs } = this.#o;
    if (!generation.isSettled) return [...generation.problems];
    const judges = programs.sharedDifference();
    const turned = sockets.difference();
    return [
      ...generation.problems,
      ...generation.maps.unpinned().map((name) => `the map ${name} is not pinned`),
      ...(judges === undefined ? [] : [`the judges: ${judges}`]),
      ...this.#settled().flatMap((endpoint) => {
        const difference = this.#differenceOf(endpoint);
        return difference === undefined ? [] : [`${nameOf(endpoint)}: ${difference}`];
      }),
      ...devices.problems(),
      ...(turned === undefined ? [] : [`the programs of sockets: ${turned}`]),
    ];
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    lifecycle.spawn('health of the datapath', async (signal) => {
      while (!signal.aborted) {
        await this.#o.clock.sleep(LOOK_MS, signal).catch(() => undefined);
        if (!signal.aborted) await this.look();
      }
    });
  }

  /** Puts right what differs. */
  async look(): Promise<void> {
    const { generation, programs, devices, sockets, words, endpoints } = this.#o;
    // Until programs have gone over, they are to differ.
    if (!generation.isSettled) return;
    const failed: string[] = [];
    const attempt = async (what: string, difference: string | undefined, repair: () => unknown): Promise<boolean> => {
      if (difference === undefined) return true;
      try {
        await repair();
        this.#repairs.inc();
        this.#o.log.warn({ what, difference }, 'the kernel was not as it should be, and was put right');
        return true;
      } catch (error) {
        failed.push(`${what}: ${difference}, and that could not be put right: ${errorMessage(error)}`);
        return false;
      }
    };
    const maps = generation.maps.unpinned();
    await attempt('maps', maps.length === 0 ? undefined : `not pinned: ${maps.join(', ')}`, () =>
      generation.maps.repin(),
    );
    await attempt('judges', programs.sharedDifference(), () => programs.installShared());
    for (const endpoint of this.#settled()) {
      const { id } = endpoint.record;
      const isRight = await attempt(nameOf(endpoint), this.#differenceOf(endpoint), async () => {
        programs.repin(id);
        if (programs.difference(endpoint.record) !== undefined) await programs.attach(endpoint.record);
      });
      if (isRight || endpoints.get(id) === undefined) continue;
      words.clear(id);
      endpoints.transition(id, { type: 'closed' }, 'its programs are not what they should be');
    }
    if (devices.problems().length > 0) await devices.look();
    failed.push(...devices.problems());
    await attempt('programs of sockets', sockets.difference(), sockets.attach);
    for (const problem of failed) this.#o.log.error({ problem }, 'the kernel is not as it should be');
    this.#unrepaired = failed;
  }

  #differenceOf({ record }: Endpoint): string | undefined {
    const { programs } = this.#o;
    const unpinned = programs.unpinned(record.id);
    return unpinned.length > 0 ? `not pinned: ${unpinned.join(', ')}` : programs.difference(record);
  }

  /** Not those that are being made or taken apart. */
  #settled(): Endpoint[] {
    return this.#o.endpoints.values().filter(({ state }) => state !== 'creating' && state !== 'disconnecting');
  }
}

function nameOf({ record: { id, pod } }: Endpoint): string {
  return `endpoint ${id} (${pod.namespace}/${pod.name})`;
}

function registerGauge(registry: Registry, count: () => number): Gauge {
  return new Gauge({
    name: 'membrane_datapath_problem_count',
    help: 'What runs in the kernel and could not be put right',
    registers: [registry],
    collect() {
      this.set(count());
    },
  });
}
