import {
  type Clock,
  errorMessage,
  type Lifecycle,
  type Logger,
  namespacedName,
  type Service,
  type Signal,
} from '../../base/index.ts';
import { Counter, type Registry, readGauge } from '../../base/metrics.ts';
import type { Generation } from '../../datapath/index.ts';
import { isConnected } from '../../endpoint/index.ts';
import type { Endpoint, EndpointTable } from '../../plane/index.ts';
import type { NodeDevices } from '../devices/index.ts';
import type { BrokenEndpoints, EndpointPrograms } from '../endpoints/index.ts';

/** How soon what somebody changed in the kernel is put back. */
const LOOK_MS = 10_000;

export type DatapathHealthOptions = {
  readonly generation: Generation;
  readonly endpoints: EndpointTable;
  readonly programs: EndpointPrograms;
  readonly devices: Pick<NodeDevices, 'problems' | 'look'>;
  /** The programs of sockets: how they differ, and putting them in place. */
  readonly sockets: { readonly difference: () => string | undefined; readonly attach: () => Promise<unknown> };
  readonly broken: BrokenEndpoints;
  /** Told when an endpoint was closed, or may be opened again. */
  readonly changed: Signal;
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
    readGauge(registry, {
      name: 'membrane_datapath_problems',
      help: 'What runs in the kernel and could not be put right',
      read: () => this.#unrepaired.length,
    });
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
    const settled = this.#settled();
    const differences = programs.differences(settled.map(({ record }) => record));
    return [
      ...generation.problems,
      ...generation.maps.unpinned().map((name) => `the map ${name} is not pinned`),
      ...(judges === undefined ? [] : [`the judges: ${judges}`]),
      ...settled.flatMap((endpoint) => {
        const difference = differences.get(endpoint.record.id);
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
    const { generation, endpoints, programs, devices, sockets, broken, changed } = this.#o;
    // Until programs have gone over, they are to differ.
    if (!generation.isSettled) return;
    const failed: string[] = [];
    const attempt = async (
      what: string,
      difference: () => string | undefined,
      repair: () => unknown,
    ): Promise<string | undefined> => {
      const why = await this.#putRight(what, difference, repair);
      if (why !== undefined) failed.push(`${what}: ${why}`);
      return why;
    };
    const { maps } = generation;
    await attempt(
      'maps',
      () => listed(maps.unpinned(), 'not pinned: '),
      () => maps.repin(),
    );
    const unjudged = await attempt(
      'judges',
      () => programs.sharedDifference(),
      () => programs.installShared(),
    );
    // Nobody knows what they would let pass: without them everything that conntrack does not know is dropped.
    if (unjudged !== undefined) programs.removeShared();
    const settled = this.#settled();
    const differences = programs.differences(settled.map(({ record }) => record));
    for (const endpoint of settled) {
      const { record } = endpoint;
      if (!differences.has(record.id) && endpoint.state !== 'broken') continue;
      // Asked again: what others needed may have taken its time.
      const why = await attempt(
        nameOf(endpoint),
        () => programs.difference(record),
        async () => {
          programs.repin(record.id);
          if (programs.difference(record) !== undefined) await programs.attach(record);
        },
      );
      if (why !== undefined) await broken.close(record, why);
      else if (endpoint.state !== 'broken') continue;
      else {
        await attempt(
          nameOf(endpoint),
          () => (endpoints.get(record.id)?.state === 'broken' ? 'closed' : undefined),
          async () => await broken.mend(record),
        );
      }
      changed.emit();
    }
    await attempt(
      'devices of the node',
      () => listed(devices.problems()),
      async () => await devices.look(),
    );
    await attempt(
      'programs of sockets',
      () => sockets.difference(),
      async () => await sockets.attach(),
    );
    for (const problem of failed) this.#o.log.error({ problem }, 'the kernel is not as it should be');
    this.#unrepaired = failed;
  }

  /** Why it is not as it should be, nor could be put right; undefined: it is. What was repaired is looked at again. */
  async #putRight(
    what: string,
    difference: () => string | undefined,
    repair: () => unknown,
  ): Promise<string | undefined> {
    const before = difference();
    if (before === undefined) return undefined;
    let still: string | undefined;
    try {
      await repair();
      still = difference();
    } catch (error) {
      still = errorMessage(error);
    }
    if (still !== undefined) return `${before}, and that could not be put right${still === before ? '' : `: ${still}`}`;
    this.#repairs.inc();
    this.#o.log.warn({ what, difference: before }, 'the kernel was not as it should be, and was put right');
    return undefined;
  }

  /** Not those that are being made or taken apart. */
  #settled(): Endpoint[] {
    return this.#o.endpoints.values().filter(({ state }) => isConnected(state));
  }
}

function listed(texts: readonly string[], before = ''): string | undefined {
  return texts.length === 0 ? undefined : `${before}${texts.join(', ')}`;
}

function nameOf({ record: { id, pod } }: Endpoint): string {
  return `endpoint ${id} (${namespacedName(pod)})`;
}
