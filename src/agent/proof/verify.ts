import { setImmediate as nextTurn } from 'node:timers/promises';
import type { VerifyRequest, VerifyView } from '../../api/index.ts';
import { type NamespacedName, namespacedName } from '../../base/index.ts';
import type { EndpointId, Identity, IdentityId } from '../../model/index.ts';
import { PROTOCOL_NUMBERS } from '../../net/index.ts';
import type { EndpointTable, Proof, Proved, Prover } from '../../plane/index.ts';
import { cellText, type Difference, type Pair, type Peer, passages, pointOf, type World } from '../../reach/index.ts';
import { agentErrors } from '../errors.ts';
import { CounterExamples, type ExamplesOptions } from './counter-example.ts';
import { frontendAlarms, unlistedFrontends } from './frontend-alarms.ts';
import { endName, podNames } from './names.ts';

export type VerifierOptions = Omit<ExamplesOptions, 'endpointOf'> & {
  readonly nodeName: string;
  readonly prover: Pick<Prover, 'prove' | 'proveAgain'>;
  readonly endpoints: EndpointTable;
  readonly policyCount: () => number;
};

/** Of `namespace/pod`, an address, `identity:ID`, a reserved name. E_AGENT_NOT_FOUND. */
export type Resolve = (text: string) => { readonly identity: Identity; readonly addr: Peer['addr'] };

/** An answer about everybody; `proved`: what it follows from, where nothing was found. */
export type Verified = { readonly view: VerifyView; readonly proved: Proved | undefined };

/** Of what is shown: the first of each. */
const MOST_REACHED = 20;
const MOST_PACKETS = 20;
/** Pairs of identities that one question may be about: a second of work. */
const MOST_PAIRS = 200_000;
const SLICE = 500;

type Reached = NonNullable<VerifyView['asked']>['reached'];

/** Answers for this node who is apart from whom, as a user asks it. Writes nothing. */
export class Verifier {
  readonly #o: VerifierOptions;

  constructor(options: VerifierOptions) {
    this.#o = options;
  }

  /** E_AGENT_NOT_FOUND, E_AGENT_TOO_MUCH, E_PLANE_UNSETTLED. */
  async verify(request: VerifyRequest, resolve: Resolve): Promise<VerifyView> {
    return await this.view(await this.#o.prover.prove(), request, resolve);
  }

  /** About everybody; `last` once more where all that it follows from is as it was. E_PLANE_UNSETTLED. */
  async everybody(last: Verified | undefined): Promise<Verified> {
    const { prover } = this.#o;
    if (last?.proved === undefined) return await this.#verified(await prover.prove());
    const again = await prover.proveAgain(last.proved);
    if (again.kind === 'anew') return await this.#verified(again.proof);
    return { ...last, view: { ...last.view, at: new Date().toISOString(), tookMs: rounded(again.tookMs) } };
  }

  async #verified(proof: Proof): Promise<Verified> {
    const view = await this.view(proof, {}, () => {
      throw new TypeError('nobody in particular is asked for');
    });
    return { view, proved: proof.proved };
  }

  async view(proof: Proof, request: VerifyRequest, resolve: Resolve): Promise<VerifyView> {
    const { nodeName, endpoints, policyCount } = this.#o;
    const { accounts, tookMs } = proof;
    const endpointOf = (id: EndpointId) => endpoints.get(id)?.record;
    const names = podNames(accounts, (id) => podName(endpointOf(id)));
    const name = (peer: Peer): string =>
      endName(peer, accounts.identities.get(peer.identity), names.get(peer.identity));
    using examples = new CounterExamples({ ...this.#o, endpointOf }, accounts);
    const isKernel = request.against !== 'intent';
    const { tenant } = request;
    if (tenant !== undefined && !accounts.tenants.some((one) => one.name === tenant)) {
      throw agentErrors.make('E_AGENT_NOT_FOUND', {
        detail: `there is no tenant ${JSON.stringify(tenant.slice(0, 100))}`,
      });
    }
    const tenantOf = new Map(accounts.tenants.flatMap((one) => one.identities.map((id) => [id, one.name] as const)));
    const concerns = (a: string | undefined, b: string | undefined): boolean =>
      tenant === undefined || a === tenant || b === tenant;
    const told = isKernel
      ? proof.differences.filter(({ opener, responder }) =>
          concerns(tenantOf.get(opener.identity), tenantOf.get(responder.identity)),
        )
      : [];
    const differences: VerifyView['differences'] = [
      ...(isKernel
        ? accounts.wrong.map(({ row, meant }) => ({
            layer: 'who' as const,
            effect: 'other' as const,
            pairs: 0,
            rows: [row],
            meant: [meant],
          }))
        : []),
      ...(await this.#told(told, { examples, name, tenantOf, world: accounts.kernel })),
      ...(isKernel ? await frontendAlarms(proof, this.#o, { endpointOf, name, tenantOf, concerns }) : []),
    ];
    const broken = new Set(
      told
        .filter(({ effect }) => effect === 'opens')
        .map(({ opener, responder }) => pairKey(tenantOf.get(opener.identity), tenantOf.get(responder.identity))),
    );
    const meant = new Map(proof.pairs.intent.map((pair) => [pairKey(pair.from, pair.to), pair.standing]));
    const pairs = proof.pairs[isKernel ? 'kernel' : 'intent']
      .filter(({ from, to }) => concerns(from, to))
      .map(({ from, to, standing, shares, example }): VerifyView['pairs'][number] => {
        const wanted = meant.get(pairKey(from, to));
        const isWider =
          (standing === 'together' && wanted !== 'together') || (standing === 'shared' && wanted === 'isolated');
        const isBroken = isKernel && (isWider || broken.has(pairKey(from, to)));
        return {
          from,
          to,
          standing: isBroken ? 'broken' : standing,
          shares,
          ...(example !== undefined && {
            example: {
              from: name({ identity: example.opener, cidr: 0 as IdentityId, addr: undefined }),
              to: name({ identity: example.responder, cidr: 0 as IdentityId, addr: undefined }),
              packets: cellText(example.cell),
              why: [...example.why],
            },
          }),
        };
      });
    const asked =
      request.from === undefined || request.to === undefined
        ? undefined
        : await this.#ask(
            proof,
            { against: request.against, from: request.from, to: request.to },
            { examples, name, resolve },
          );
    for (const { packet, fromTenant, toTenant } of [
      ...differences,
      ...(asked?.reached ?? []).map(({ packet }) => ({ packet, fromTenant: undefined, toTenant: undefined })),
    ]) {
      if (packet?.sent === undefined || (packet.sent === 'passed') === (packet.claimed === 'passes')) continue;
      differences.push({
        layer: 'programs',
        effect: packet.sent === 'passed' ? 'opens' : 'closes',
        from: packet.from,
        to: packet.to,
        packets: [packet.protocol, packet.port].filter((part) => part !== undefined).join(' '),
        pairs: 1,
        rows: [`the programs: ${packet.sent}${packet.detail === undefined ? '' : ` (${packet.detail})`}`],
        meant: [`the maps: ${packet.claimed}`],
        ...(fromTenant !== undefined && { fromTenant }),
        ...(toTenant !== undefined && { toTenant }),
        packet,
      });
    }
    const good =
      differences.length === 0 &&
      pairs.every(({ standing }) => standing !== 'broken') &&
      (asked?.reached.length ?? 0) === 0;
    const revisions = accounts.rows.words.map(([, { revision }]) => revision);
    return {
      node: nodeName,
      at: new Date().toISOString(),
      revision: Math.max(0, ...revisions),
      tookMs: rounded(tookMs),
      good,
      tenants: Array.from(accounts.generations, ([of, generation]) => ({ name: of, generation })),
      counts: {
        tenants: accounts.tenants.length - 2,
        identities: accounts.tenants.reduce((sum, { identities }) => sum + identities.length, 0),
        endpoints: accounts.rows.words.length,
        policies: policyCount(),
        ...(proof.services !== undefined && { frontends: proof.services.frontends }),
      },
      pairs,
      differences,
      more: isKernel ? proof.more + unlistedFrontends(proof) : 0,
      ...(asked !== undefined && { asked }),
    };
  }

  async #told(
    told: readonly Difference[],
    {
      examples,
      name,
      tenantOf,
      world,
    }: {
      readonly examples: CounterExamples;
      readonly name: (peer: Peer) => string;
      readonly tenantOf: ReadonlyMap<IdentityId, string>;
      readonly world: World;
    },
  ): Promise<VerifyView['differences']> {
    const views: VerifyView['differences'] = [];
    for (const [index, difference] of told.entries()) {
      const packet = index < MOST_PACKETS ? await packetOf(examples, world, difference) : undefined;
      const [fromTenant, toTenant] = [difference.opener, difference.responder].map(({ identity }) =>
        tenantOf.get(identity),
      );
      views.push({
        ...differenceView(difference, name),
        ...(fromTenant !== undefined && { fromTenant }),
        ...(toTenant !== undefined && { toTenant }),
        ...(packet !== undefined && { packet }),
      });
    }
    return views;
  }

  async #ask(
    proof: Proof,
    { from, to, against }: Pick<VerifyRequest, 'against'> & { readonly from: string; readonly to: string },
    {
      examples,
      name,
      resolve,
    }: { readonly examples: CounterExamples; readonly name: (peer: Peer) => string; readonly resolve: Resolve },
  ): Promise<NonNullable<VerifyView['asked']>> {
    const { accounts } = proof;
    const world = against === 'intent' ? accounts.intent : bothEnds(accounts);
    const [openers, responders] = [peersOf(proof, from, resolve), peersOf(proof, to, resolve)];
    const pairs = openers.length * responders.length;
    if (pairs > MOST_PAIRS) throw agentErrors.make('E_AGENT_TOO_MUCH', { detail: `${pairs} pairs of identities` });
    const reached: Reached = [];
    let more = 0;
    let done = 0;
    for (const opener of openers) {
      for (const responder of responders) {
        done += 1;
        if (done % SLICE === 0) await nextTurn();
        const pair: Pair = { opener, responder };
        const found = Array.from(passages(world, pair));
        const [first] = found;
        if (first === undefined) continue;
        if (reached.length >= MOST_REACHED) {
          more += 1;
          continue;
        }
        const packet = await examples.of(world, pair, pointOf(first.cell));
        reached.push({
          from: name(opener),
          to: name(responder),
          packets: cellsText(found.map(({ cell }) => cell)),
          why: [...first.why()],
          ...(packet !== undefined && { packet }),
        });
      }
    }
    return { from, to, pairs, reached, more };
  }
}

/** Everybody that is meant, each sort once. */
function peersOf({ accounts }: Proof, text: string, resolve: Resolve): Peer[] {
  const { identities, peers, tenants } = accounts;
  const of = (ids: ReadonlySet<IdentityId>): Peer[] => peers.filter(({ identity }) => ids.has(identity));
  if (text.startsWith('tenant:')) {
    const name = text.slice('tenant:'.length);
    const found = tenants.find((one) => one.name === name && name !== '');
    if (found === undefined)
      throw agentErrors.make('E_AGENT_NOT_FOUND', {
        detail: `there is no tenant ${JSON.stringify(name.slice(0, 100))}`,
      });
    return of(new Set(found.identities));
  }
  if (text.startsWith('namespace:')) {
    const namespace = text.slice('namespace:'.length);
    const own = Array.from(identities.values()).filter(
      (one) => one.kind === 'pod' && one.workload.namespace === namespace,
    );
    if (own.length === 0)
      throw agentErrors.make('E_AGENT_NOT_FOUND', {
        detail: `no pod of namespace ${JSON.stringify(namespace.slice(0, 100))} is known`,
      });
    return of(new Set(own.map(({ id }) => id)));
  }
  const { identity, addr } = resolve(text);
  const found = peers.filter((peer) => peer.identity === identity.id);
  // What tenants list of its addresses, this one is in or it is not.
  if (identity.kind !== 'pod' && addr !== undefined && found.length > 0) {
    return Array.from(new Map(found.map((peer) => [peer.cidr, { ...peer, addr }])).values());
  }
  const exact = found.filter((peer) => peer.addr === addr);
  if (exact.length > 0) return exact;
  return found.length > 0 ? found : [{ identity: identity.id, cidr: 0 as IdentityId, addr }];
}

/** What the kernel says of this node's pods, and of those of others what is meant. */
function bothEnds({ kernel, intent }: Proof['accounts']): World {
  return {
    owner: (id) => kernel.owner(id),
    shared: (opener, responder) => kernel.shared(opener, responder),
    side: (subject, direction, peer) => kernel.side(subject, direction, peer) ?? intent.side(subject, direction, peer),
  };
}

function differenceView(
  { layer, direction, effect, opener, responder, cell, pairs, rows, meant }: Difference,
  name: (peer: Peer) => string,
): VerifyView['differences'][number] {
  return {
    layer,
    effect,
    ...(direction !== undefined && { direction }),
    from: name(opener),
    to: name(responder),
    ...(cell !== undefined && { packets: cellText(cell) }),
    pairs,
    rows: [...rows],
    meant: [...meant],
  };
}

async function packetOf(examples: CounterExamples, world: World, { opener, responder, cell }: Difference) {
  const point = cell === undefined ? { protocol: PROTOCOL_NUMBERS.TCP, port: 80 } : pointOf(cell);
  return await examples.of(world, { opener, responder }, point);
}

const rounded = (ms: number): number => Math.round(ms * 10) / 10;

/** `TCP 80, UDP 53 and 3 more`. */
function cellsText(cells: Parameters<typeof cellText>[0][]): string {
  const most = 5;
  const texts = cells.slice(0, most).map(cellText).join(', ');
  return cells.length > most ? `${texts} and ${cells.length - most} more` : texts;
}

const pairKey = (from: string | undefined, to: string | undefined): string => `${from ?? '?'}\n${to ?? '?'}`;

function podName(
  record: { readonly pod: { readonly namespace: string; readonly name: string } } | undefined,
): NamespacedName | undefined {
  return record && namespacedName(record.pod);
}
