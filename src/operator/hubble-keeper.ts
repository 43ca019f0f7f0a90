import { Backoff, type Clock, errorMessage, isMembraneError, type Logger } from '../base/index.ts';
import type { SecretData, SecretObject, SecretRecord } from '../kube/index.ts';
import { type Authorities, bundleOf, isPair, type KeyPair, leafOf, rotate } from './certificates/index.ts';
import type { Term } from './leader-election.ts';

/** By which names nodes and the relay are known in their certificates: deploy/ says them, too. */
export const NODE_NAME = 'node.hubble.membrane.io';
export const RELAY_NAME = 'hubble-relay';
/** The page is served by the relay's pods. */
const PAGE_NAME = 'membrane-ui';

type Store = Pick<SecretObject, 'get' | 'put'>;

export type HubbleKeeperOptions = {
  /** With the keys of those who sign: only the operator reads it. */
  readonly authority: Store;
  readonly nodes: Store;
  readonly relay: Store;
  /** Of the Service of the relay. */
  readonly relayNamespace: string;
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly log: Logger;
};

/** Makes the certificates by which the relay and nodes know each other, and makes them anew while the old ones hold. */
export class HubbleKeeper {
  readonly #o: HubbleKeeperOptions;

  constructor(options: HubbleKeeperOptions) {
    this.#o = options;
  }

  async run({ signal, check }: Term): Promise<void> {
    const { intervalMs, clock, log } = this.#o;
    const backoff = new Backoff({ initial: 1_000, max: 60_000 });
    while (!signal.aborted) {
      let pauseMs = intervalMs;
      try {
        await this.round(check);
        backoff.reset();
      } catch (error) {
        if (signal.aborted || isMembraneError(error, 'E_OPERATOR_NOT_LEADING')) return;
        pauseMs = Math.min(intervalMs, backoff.next());
        log.warn({ error: errorMessage(error) }, 'the certificates of flows are not written');
      }
      await clock.sleep(pauseMs, signal).catch(() => undefined);
    }
  }

  /** What is due now. What others wrote meanwhile is looked at in the next round. */
  async round(check: () => void): Promise<void> {
    const { authority, nodes, relay, relayNamespace, clock } = this.#o;
    const now = clock.now();
    const found = await authority.get();
    const known = authoritiesIn(found?.data ?? {});
    const authorities = rotate(known, now);
    if (authorities !== known) {
      check();
      // Nothing is signed by an authority that is not kept.
      if (!(await authority.put(dataOf(authorities), 'Opaque', found))) return;
    }
    await this.#leaf(nodes, authorities, { commonName: NODE_NAME, dns: [NODE_NAME], usages: ['server'] }, check);
    const names = [RELAY_NAME, PAGE_NAME].flatMap((name) => [
      name,
      `${name}.${relayNamespace}`,
      `${name}.${relayNamespace}.svc`,
    ]);
    // A forwarded port of the page is reached as localhost.
    names.push('localhost');
    await this.#leaf(relay, authorities, { commonName: RELAY_NAME, dns: names, usages: ['client', 'server'] }, check);
  }

  async #leaf(
    store: Store,
    authorities: Authorities,
    wish: Parameters<typeof leafOf>[1],
    check: () => void,
  ): Promise<void> {
    const found = await store.get();
    const { cert, key } = leafOf(authorities, wish, pairIn(found, 'tls'), this.#o.clock.now());
    const data = { 'tls.crt': cert, 'tls.key': key, 'ca.crt': bundleOf(authorities) };
    if (found !== undefined && isSame(found.data, data)) return;
    check();
    if (await store.put(data, 'kubernetes.io/tls', found))
      this.#o.log.info({ name: wish.commonName }, 'certificate of flows written');
  }
}

function pairIn(found: Pick<SecretRecord, 'data'> | undefined, name: string): KeyPair | undefined {
  const [cert, key] = [found?.data[`${name}.crt`], found?.data[`${name}.key`]];
  return cert === undefined || key === undefined || !isPair({ cert, key }) ? undefined : { cert, key };
}

function authoritiesIn(data: SecretData): Authorities | undefined {
  const current = pairIn({ data }, 'ca');
  if (current === undefined) return undefined;
  const next = pairIn({ data }, 'next');
  const previous = isPair({ cert: data['previous.crt'] ?? '' }) ? data['previous.crt'] : undefined;
  return { current, ...(next === undefined ? {} : { next }), ...(previous === undefined ? {} : { previous }) };
}

function dataOf({ current, next, previous }: Authorities): SecretData {
  return {
    'ca.crt': current.cert,
    'ca.key': current.key,
    ...(next === undefined ? {} : { 'next.crt': next.cert, 'next.key': next.key }),
    ...(previous === undefined ? {} : { 'previous.crt': previous }),
  };
}

function isSame(a: SecretData, b: SecretData): boolean {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].every((key) => a[key] === b[key]);
}
