import { type Clock, errorMessage } from '../../base/index.ts';
import type { Flow, PeerSight } from '../../model/index.ts';
import { observeErrors } from '../errors.ts';
import { type FlowVerb, ofNamespace, ofTenant, type Subject } from './access.ts';
import type { Answers } from './answers.ts';
import { namespacesIn, redact } from './redact.ts';
import type { Sight } from './sight.ts';

/** A right that is used is looked at again so often: taking it away ends a stream within that and an answer's time. */
const ALLOWED_MS = 2_000;
/** One that is missing: who gets it sees what comes from then on. */
const DENIED_MS = 15_000;
/** Nobody says whether rights still hold: so long they are taken to. */
const UNANSWERED_MS = 8_000;

export type ViewerOptions = {
  readonly subject: Subject;
  readonly answers: Answers;
  /** The tenant whose a namespace is. */
  readonly tenantOf: (namespace: string) => string | undefined;
  /** What is seen of pods of `other` by who sees flows of `own`; as of now, and asked of each flow. */
  readonly peers: (own: string, other: string) => PeerSight;
  /** All of the cluster. */
  readonly namespaces: () => Iterable<string>;
  readonly clock: Clock;
};

type Decision = { readonly allowed: boolean; readonly at: number };

/**
 * What one reader may see, for as long as he reads. Namespaces are decided before what is stored is looked at, and as they
 * come; until then nothing of them is seen. A right that he has and that is taken away ends it.
 */
export class Viewer {
  readonly #o: ViewerOptions;
  readonly #ending = new AbortController();
  readonly #closing = new AbortController();
  readonly #decided = new Map<string, Decision>();
  readonly #sights = new Map<'list' | 'watch', Sight>();
  #confirmedAt = 0;

  constructor(options: ViewerOptions) {
    this.#o = options;
  }

  /** Aborted with E_OBSERVE_REVOKED, or E_OBSERVE_RIGHTS_UNKNOWN when nobody says any more what he may. */
  get ended(): AbortSignal {
    return this.#ending.signal;
  }

  /** Decides about all namespaces that there are. E_OBSERVE_FORBIDDEN: he may see nothing; E_OBSERVE_RIGHTS_UNKNOWN. */
  async open(verbs: readonly ('list' | 'watch')[], alsoIn: Iterable<string> = []): Promise<void> {
    const { clock, subject, namespaces } = this.#o;
    const all = new Set([...namespaces(), ...alsoIn]);
    try {
      for (const verb of verbs) {
        await this.#decide(verb, ['']);
        if (!this.#may(verb, '')) await this.#decide(verb, all);
        if (this.#may(verb, '') || [...all].some((namespace) => this.#may(verb, namespace))) continue;
        const detail = `${JSON.stringify(subject.name)} cannot ${verb} resource "flows" in API group "membrane.io" in any namespace`;
        throw observeErrors.make('E_OBSERVE_FORBIDDEN', { detail });
      }
      await this.#decide('get', ['']);
      if (!this.#may('get', '')) await this.#decide('get', all);
    } catch (error) {
      throw this.#unknown(error);
    }
    this.#confirmedAt = clock.elapsed();
    void this.#keepLooking();
  }

  close(): void {
    this.#closing.abort();
  }

  seesAll(verb: 'list' | 'watch'): boolean {
    return this.#may(verb, '');
  }

  /** Those whose flows he may see; undefined: of all, and of no pod. */
  namespaces(verb: 'list' | 'watch'): readonly string[] | undefined {
    if (this.#may(verb, '')) return undefined;
    const prefix = `${verb} `;
    return Array.from(this.#decided)
      .filter(([key, { allowed }]) => allowed && key.startsWith(prefix))
      .map(([key]) => key.slice(prefix.length));
  }

  /** The flow as he may see it; `undecided`: it is to be asked whether he may see it at all, or how much of it. */
  see(verb: 'list' | 'watch', flow: Flow): Flow | undefined | 'undecided' {
    if (this.#may(verb, '')) return flow;
    if (this.#undecided(verb, flow).length > 0) return 'undecided';
    return redact(this.sight(verb), flow);
  }

  /** As of now; what is not decided is not seen. */
  sight(verb: 'list' | 'watch'): Sight {
    const known = this.#sights.get(verb);
    if (known !== undefined && known.all === this.#may(verb, '')) return known;
    const sight = {
      all: this.#may(verb, ''),
      flows: (namespace: string) => this.#may(verb, namespace),
      names: (namespace: string) => this.#may('get', '') || this.#may('get', namespace),
      peers: this.#o.peers,
    };
    this.#sights.set(verb, sight);
    return sight;
  }

  /** Asks about namespaces of these flows that came after `open`. */
  async decide(verb: 'list' | 'watch', flows: Iterable<Flow>): Promise<void> {
    const missing = new Set<string>();
    for (const flow of flows) for (const namespace of this.#undecided(verb, flow)) missing.add(namespace);
    if (missing.size === 0) return;
    try {
      await this.#decide(verb, missing);
      await this.#decide('get', missing);
    } catch (error) {
      throw this.#unknown(error);
    }
  }

  #undecided(verb: 'list' | 'watch', flow: Flow): readonly string[] {
    if (this.#may(verb, '')) return [];
    return namespacesIn(flow).filter(
      (namespace) => !this.#decided.has(`${verb} ${namespace}`) || !this.#decided.has(`get ${namespace}`),
    );
  }

  #may(verb: FlowVerb, namespace: string): boolean {
    return this.#decided.get(`${verb} ${namespace}`)?.allowed === true;
  }

  async #decide(verb: FlowVerb, namespaces: Iterable<string>, maxAgeMs = ALLOWED_MS): Promise<void> {
    await Promise.all(
      Array.from(namespaces, async (namespace) => {
        const at = this.#o.clock.elapsed();
        const allowed = await this.#allowed(verb, namespace, maxAgeMs);
        this.#decided.set(`${verb} ${namespace}`, { allowed, at });
      }),
    );
  }

  async #allowed(verb: FlowVerb, namespace: string, maxAgeMs: number): Promise<boolean> {
    const { answers, subject, tenantOf } = this.#o;
    if (await answers.of(subject, ofNamespace(verb, namespace), maxAgeMs)) return true;
    const tenant = namespace === '' ? undefined : tenantOf(namespace);
    return tenant !== undefined && (await answers.of(subject, ofTenant(verb, tenant), maxAgeMs));
  }

  async #keepLooking(): Promise<void> {
    const { clock } = this.#o;
    const signal = AbortSignal.any([this.#closing.signal, this.ended]);
    while (!signal.aborted) {
      await clock.sleep(ALLOWED_MS, signal).catch(() => undefined);
      if (signal.aborted) return;
      try {
        const at = clock.elapsed();
        await this.#lookAgain(at);
        this.#confirmedAt = at;
      } catch (error) {
        if (clock.elapsed() - this.#confirmedAt > UNANSWERED_MS) this.#end(this.#unknown(error));
      }
    }
  }

  async #lookAgain(now: number): Promise<void> {
    const { subject } = this.#o;
    const before = Array.from(this.#decided).filter(([, { allowed, at }]) => allowed || now - at >= DENIED_MS);
    await Promise.all(
      before.map(async ([key, { allowed }]) => {
        const space = key.indexOf(' ');
        const [verb, namespace] = [key.slice(0, space) as FlowVerb, key.slice(space + 1)];
        await this.#decide(verb, [namespace], ALLOWED_MS / 2);
        if (!allowed || this.#may(verb, namespace)) return;
        const where = namespace === '' ? 'all namespaces' : `namespace ${JSON.stringify(namespace)}`;
        const what = verb === 'get' ? 'get resource "flows/identity"' : `${verb} resource "flows"`;
        const detail = `${JSON.stringify(subject.name)} cannot ${what} in ${where} any more`;
        this.#end(observeErrors.make('E_OBSERVE_REVOKED', { detail }));
      }),
    );
  }

  #end(reason: Error): void {
    this.#decided.clear();
    this.#ending.abort(reason);
  }

  #unknown(error: unknown): Error {
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('E_OBSERVE_')) return error;
    return observeErrors.make('E_OBSERVE_RIGHTS_UNKNOWN', { detail: errorMessage(error), cause: error });
  }
}
