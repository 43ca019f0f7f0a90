import { setImmediate as nextTurn } from 'node:timers/promises';
import { inSlices, type NamespacedName, type Steps } from '../../base/index.ts';
import type { AffinityMap, ServiceMaps } from '../../datapath/index.ts';
import type { Frontend, ServiceScope } from '../../model/index.ts';
import { PROTOCOL_NUMBERS } from '../../net/index.ts';
import {
  type FrontendDifference,
  type FrontendPlace,
  frontendDifferences,
  type Keepers,
  type KernelServices,
  keepers,
  type MeantFrontend,
  placeText,
} from '../../reach/index.ts';
import { isForOutside, type MaglevSize, maglevTable } from '../../service/index.ts';
import type { ServiceEngine } from './service-engine.ts';
import type { ServiceFollower } from './service-follower.ts';
import type { ServiceInstaller } from './service-installer.ts';
import { frontendText } from './service-plan.ts';

export type ServiceProverOptions = {
  readonly follower: Pick<ServiceFollower, 'owners' | 'decidedAnew'>;
  readonly installer: Pick<ServiceInstaller, 'refused' | 'ownerOf'>;
  readonly engine: Pick<ServiceEngine, 'converged' | 'idle' | 'stampOf'>;
  readonly maps: ServiceMaps;
  readonly affinity: AffinityMap;
  readonly maglevSize: MaglevSize | undefined;
};

export type ServiceProof = {
  /** Places at which services are meant to answer and that were compared; those under way are not among them. */
  readonly frontends: number;
  readonly differences: readonly FrontendDifference[];
  /** That are not among them. */
  readonly more: number;
};

type Stamp = readonly unknown[] | undefined;

/** Services whose state is looked at between two turns. */
const AT_ONCE = 256;
/** Differences that are looked at again. */
const MOST = 1_000;
const NS = 1_000_000_000n;

/**
 * Compares where clients of services are sent with where they are meant to be. Services change all the time, each for itself:
 * what is said is of those of which nothing changed from before the maps were read until it was said. Writes nothing.
 */
export class ServiceProver {
  readonly #o: ServiceProverOptions;

  constructor(options: ServiceProverOptions) {
    this.#o = options;
  }

  /** Undefined: services have not reached the kernel yet. */
  async prove(): Promise<ServiceProof | undefined> {
    const { engine, follower } = this.#o;
    await engine.idle();
    if (!engine.converged) return undefined;
    const stamps = new Map<NamespacedName, Stamp>();
    for (const [index, owner] of follower.owners().entries()) {
      stamps.set(owner, engine.stampOf(owner));
      if (index % AT_ONCE === AT_ONCE - 1) await nextTurn();
    }
    const kernel = await this.#read();
    const count = { frontends: 0 };
    const { found, more } = await inSlices(collect(kernel, this.#meant(stamps, count)));
    const differences = found.filter((one) => this.#stands(one, stamps));
    return { frontends: count.frontends, differences, more };
  }

  async #read(): Promise<KernelServices> {
    const { maps, affinity } = this.#o;
    const frontends = await maps.services.packed();
    const slots = await maps.slots.packed();
    const allowed = await inSlices(keepers({ frontends, slots }));
    const kept = allowed.size > 0 ? await strayed(affinity, allowed) : [];
    const backends = await maps.backends.packed();
    return { frontends, slots, backends, kept };
  }

  /** Services one by one, and `count`: how many of their places are compared. */
  *#meant(stamps: ReadonlyMap<NamespacedName, Stamp>, count: { frontends: number }): Generator<MeantFrontend[]> {
    const { follower, installer } = this.#o;
    for (const owner of new Set([...stamps.keys(), ...follower.owners()])) {
      const mayLack = installer.refused.has(owner);
      const frontends = follower.decidedAnew(owner).flatMap((frontend) => this.#places(frontend, mayLack));
      if (stamps.get(owner) !== undefined) count.frontends += frontends.length;
      yield frontends;
    }
  }

  #places(frontend: Frontend, mayLack: boolean): MeantFrontend[] {
    const { service, addr, port, affinitySeconds, portName } = frontend;
    const protocol = PROTOCOL_NUMBERS[frontend.protocol];
    const place = (scope: ServiceScope): MeantFrontend => {
      const [leadsTo, isLocal] =
        scope === 'inside'
          ? [frontend.backends, frontend.internalLocal]
          : [frontend.externalBackends, frontend.externalLocal];
      return {
        addr,
        port,
        protocol,
        scope,
        service,
        leadsTo,
        affinitySeconds,
        mayLack,
        keeping: `${portName} ${frontend.protocol}${isLocal ? ' of this node' : ''}`,
        table: this.#tableOf(scope, leadsTo),
      };
    };
    return isForOutside(frontend) ? [place('inside'), place('outside')] : [place('inside')];
  }

  /** Of clients from outside, of whom one must find one backend on whichever node. */
  #tableOf(scope: ServiceScope, leadsTo: MeantFrontend['leadsTo']): MeantFrontend['table'] {
    const { maglevSize } = this.#o;
    if (maglevSize === undefined || scope === 'inside' || leadsTo.length < 2) return undefined;
    return () => maglevTable(leadsTo.map(placeText), maglevSize);
  }

  /** Was nothing under way of whom it is about? */
  #stands({ frontend, service }: FrontendDifference, stamps: ReadonlyMap<NamespacedName, Stamp>): boolean {
    const { engine, installer } = this.#o;
    const owner = service ?? installer.ownerOf(frontendText(frontend));
    if (owner === undefined) return this.#isThere(frontend);
    const [before, now] = [stamps.get(owner), engine.stampOf(owner)];
    if (before === undefined || now === undefined) return false;
    return before.length === now.length && before.every((one, index) => one === now[index]);
  }

  /** A row of nobody: what left meanwhile was somebody's. */
  #isThere(frontend: FrontendPlace): boolean {
    return this.#o.maps.services.get(frontend) !== undefined;
  }
}

function* collect(
  kernel: KernelServices,
  meant: Iterable<readonly MeantFrontend[]>,
): Steps<{ readonly found: readonly FrontendDifference[]; readonly more: number }> {
  const found: FrontendDifference[] = [];
  let more = 0;
  for (const difference of frontendDifferences(kernel, meant)) {
    if (difference === undefined) yield;
    else if (found.length < MOST) found.push(difference);
    else more += 1;
  }
  return { found, more };
}

/** Clients that are remembered now with a backend that nobody else of the service is given. */
async function strayed(affinity: AffinityMap, allowed: ReadonlyMap<number, Keepers>): Promise<KernelServices['kept']> {
  const now = process.hrtime.bigint();
  const rows = await affinity.entries(({ service }, { backend, used }) => {
    const of = allowed.get(service);
    return of !== undefined && !of.ids.has(backend) && used + BigInt(of.seconds) * NS > now;
  });
  return rows.map(([{ client, service }, { backend }]) => ({ client, service, backend }));
}
