import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TransportSpec } from '../../src/net/index.ts';
import { fromPod, sctp, tcp, udp } from './frames.ts';
import { allow, Lab, type LabPod } from './lab.ts';
import { A, B, CLIENT, SERVICE, TRANSPORTS, type Transport } from './pair.ts';

/*
 * Two addresses whose owners come and go, are relabelled and change their policies, and who send each other anything on
 * one pair of ports. Whatever the datapath remembers, a packet may pass only with the leave of the policies of this
 * moment: as the opener's, as an answer to a connection that the other end has opened since both have their addresses,
 * or where either of them might have opened.
 */
type End = 'a' | 'b';
const ADDRS = { a: A, b: B } as const;
const PORTS = { a: CLIENT, b: SERVICE } as const;
const IDENTITIES = [300, 301, 302];

type Policy = { readonly egress: readonly number[]; readonly ingress: readonly number[] };
type Owner = { readonly pod: LabPod; identity: number; policy: Policy };

type Action =
  | { readonly kind: 'send'; readonly by: End; readonly what: number }
  | { readonly kind: 'policy'; readonly of: End; readonly policy: Policy }
  | { readonly kind: 'relabel'; readonly of: End; readonly identity: number }
  | { readonly kind: 'replace'; readonly of: End; readonly identity: number; readonly policy: Policy }
  | { readonly kind: 'forget' | 'expire' | 'collect' };

const end = fc.constantFrom<End>('a', 'b');
const identity = fc.constantFrom(...IDENTITIES);
const peers = fc.noBias(fc.subarray(IDENTITIES, { minLength: 1 }));
const policy: fc.Arbitrary<Policy> = fc.record({ egress: peers, ingress: peers });

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('send' as const), by: end, what: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('policy' as const), of: end, policy }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('relabel' as const), of: end, identity }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('replace' as const), of: end, identity, policy }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('forget' as const, 'expire' as const, 'collect' as const) }),
  },
);

type Speech = { readonly opens: boolean; readonly packet: (from: number, to: number) => TransportSpec };

const SPEECHES: Readonly<Record<Transport, readonly Speech[]>> = {
  TCP: [
    { opens: true, packet: (from, to) => tcp(from, to, 'SYN') },
    ...([['SYN', 'ACK'], ['ACK'], ['ACK', 'PSH'], ['FIN', 'ACK'], ['RST'], ['RST', 'ACK']] as const).map(
      (flags): Speech => ({ opens: false, packet: (from, to) => tcp(from, to, ...flags) }),
    ),
  ],
  UDP: [{ opens: true, packet: udp }],
  SCTP: [1, 2, 0, 6, 10].map((chunk) => ({ opens: chunk === 1, packet: (from, to) => sctp(from, to, chunk) })),
};

/** More owners than an address has in one run. Loaded once: a thousand programs freed at a time can hang a kernel. */
const OWNERS = 16;

let lab: Lab;
/** All that an address may belong to. */
let owners: Readonly<Record<End, readonly LabPod[]>>;
beforeAll(() => {
  lab = new Lab();
  const load = (which: End, firstId: number) =>
    Array.from({ length: OWNERS }, (_, index) => lab.pod({ id: firstId + index, addr: ADDRS[which], identity: 0 }));
  owners = { a: load('a', 1), b: load('b', 1 + OWNERS) };
});
afterAll(() => lab[Symbol.dispose]());

class Model {
  readonly #speeches: readonly Speech[];
  readonly #owners = new Map<End, Owner>();
  /** Who has opened since both ends have their present owners. */
  #openers = new Set<End>();
  readonly #taken = { a: 0, b: 0 };
  passed = 0;

  constructor(transport: Transport) {
    this.#speeches = SPEECHES[transport];
  }

  #owner(which: End): Owner {
    const owner = this.#owners.get(which);
    if (owner === undefined) throw new Error(`${which} has no owner`);
    return owner;
  }

  async #apply(owner: Owner): Promise<void> {
    const { policy, pod } = owner;
    const never = allow('ingress', 9999);
    const rows = (direction: keyof Policy) => policy[direction].map((peer) => allow(direction, peer));
    await lab.open(pod, [never, ...rows('egress'), ...rows('ingress')], owner.identity);
  }

  /** By the policies of this moment. */
  #mayOpen(from: End): boolean {
    const [opener, responder] = [this.#owner(from), this.#owner(other(from))];
    return opener.policy.egress.includes(responder.identity) && responder.policy.ingress.includes(opener.identity);
  }

  async run(step: Action): Promise<void> {
    switch (step.kind) {
      case 'send':
        this.#send(step.by, step.what);
        return;
      case 'policy':
        this.#owner(step.of).policy = step.policy;
        await this.#apply(this.#owner(step.of));
        return;
      case 'relabel':
        this.#owner(step.of).identity = step.identity;
        await this.#apply(this.#owner(step.of));
        return;
      case 'replace': {
        const pod = owners[step.of][this.#taken[step.of]];
        if (pod === undefined) return;
        this.#taken[step.of] += 1;
        const former = this.#owners.get(step.of);
        if (former !== undefined) lab.remove(former.pod);
        lab.own(pod);
        this.#owners.set(step.of, { pod, identity: step.identity, policy: step.policy });
        this.#openers = new Set();
        await this.#apply(this.#owner(step.of));
        return;
      }
      case 'forget':
        await lab.forgetConnections();
        return;
      case 'expire':
        await lab.expire();
        return;
      case 'collect':
        lab.datapath.collect();
    }
  }

  #send(by: End, what: number): void {
    const to = other(by);
    const speech = this.#speeches[what % this.#speeches.length];
    if (speech === undefined) throw new Error('no speech');
    const { pod } = this.#owner(by);
    const { verdict } = lab.send(pod, fromPod(pod, ADDRS[to], speech.packet(PORTS[by], PORTS[to])));
    const [forth, back] = [this.#mayOpen(by), this.#mayOpen(to)];
    const asOpener = forth && (speech.opens || this.#openers.has(by));
    const asAnswer = back && this.#openers.has(to);
    const asEither = forth && back;
    // SYN and INIT ask for something new and are no answer; UDP has no such difference.
    const alwaysNew = speech.opens && this.#speeches.length > 1;
    const legal = alwaysNew ? forth : asOpener || asAnswer || asEither;
    if (verdict === 'redirect') {
      this.passed += 1;
      expect(legal, `${by} ${what}: forth ${forth}, back ${back}, opened by ${[...this.#openers].join()}`).toBe(true);
      if (forth && (speech.opens || back)) this.#openers.add(by);
    } else {
      // What asks for something new, and may, is never in the way of anything that is remembered.
      if (alwaysNew) expect(forth, `${by} ${what}: ${verdict}`).toBe(false);
    }
  }
}

const other = (which: End): End => (which === 'a' ? 'b' : 'a');

test.each(TRANSPORTS)('%s: nothing passes without the leave of this moment', async (transport) => {
  let passed = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(identity, policy, identity, policy),
      fc.array(action, { minLength: 10, maxLength: 40, size: 'max' }),
      async ([identityA, policyA, identityB, policyB], steps) => {
        await lab.forgetConnections();
        for (const pod of [...owners.a, ...owners.b]) lab.close(pod);
        const model = new Model(transport);
        await model.run({ kind: 'replace', of: 'a', identity: identityA, policy: policyA });
        await model.run({ kind: 'replace', of: 'b', identity: identityB, policy: policyB });
        for (const step of steps) await model.run(step);
        passed += model.passed;
      },
    ),
    { numRuns: 250 },
  );
  expect(passed).toBeGreaterThan(500);
});
