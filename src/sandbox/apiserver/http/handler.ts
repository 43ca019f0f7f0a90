import type { Clock, Logger } from '../../../base/index.ts';
import type { AdmissionPolicies } from '../admission/policies.ts';
import { forbidEscalation } from '../auth/escalation.ts';
import type { ServiceAccountTokens } from '../auth/service-account-tokens.ts';
import type { User } from '../auth/user.ts';
import type { KubeObject } from '../object.ts';
import { OpenApi } from '../openapi/document.ts';
import type { ResourceDefinition, Verb } from '../resource.ts';
import { methodNotAllowed, noSuchResource } from '../status.ts';
import type { ApiStore } from '../store/api-store.ts';
import type { NamespaceController } from '../store/namespace-controller.ts';
import type { ObjectKey } from '../store/options.ts';
import { Selection } from '../store/selection.ts';
import { Discovery, verbsOf } from './discovery.ts';
import type { Exchange } from './exchange.ts';
import { Lister } from './list.ts';
import { checkListOptions, isWatch } from './list-options.ts';
import { answerMeta } from './meta-routes.ts';
import { negotiateForm } from './negotiate.ts';
import { presentList, presentObject } from './present.ts';
import { asApiError } from './refusal.ts';
import { parseRequestInfo, pathSteps, type RequestInfo } from './request-info.ts';
import { type ReviewContext, Reviews } from './reviews.ts';
import { answerScale } from './scale.ts';
import { createBinding, evictPod, type PodLog, streamLog } from './subresources.ts';
import { createToken } from './token-request.ts';
import { streamWatch } from './watch-stream.ts';
import {
  createObject,
  deleteCollection,
  deleteOptionsOf,
  deletionAnswer,
  patchObject,
  updateObject,
} from './writes.ts';

/** How long a refused client may go on sending before the connection is cut. */
const HANG_UP_AFTER_MS = 1_000;

export type HandlerOptions = {
  readonly store: ApiStore;
  readonly namespaces: NamespaceController;
  readonly clock: Clock;
  readonly log: Logger;
  readonly podLog: PodLog | undefined;
  readonly access: ReviewContext;
  readonly policies: AdmissionPolicies;
  /** Aborted when the server closes. */
  readonly signal: AbortSignal;
};

/** Answers requests whose sender is known. */
export class Handler {
  readonly #options: HandlerOptions;
  readonly #store: ApiStore;
  readonly #discovery: Discovery;
  readonly #lister: Lister;
  readonly #openApi: OpenApi;
  readonly #reviews: Reviews;

  constructor(options: HandlerOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#discovery = new Discovery(options.store.catalog);
    this.#lister = new Lister(options.store);
    this.#openApi = new OpenApi(options.store.catalog);
    this.#reviews = new Reviews(options.access);
  }

  get #tokens(): ServiceAccountTokens {
    return this.#options.access.tokens;
  }

  async handle(exchange: Exchange, user: User): Promise<void> {
    const { authorizer } = this.#options.access;
    const { policies } = this.#options;
    exchange.admit = ({ definition, object, old, subresource = '', dryRun }) => {
      forbidEscalation(authorizer, user, definition, object);
      const operation = old === undefined ? 'CREATE' : 'UPDATE';
      policies.review({ operation, definition, subresource, object, old, user, dryRun }, exchange.warn);
    };
    exchange.admitDeletion = ({ definition, old, dryRun }) => {
      const of = { definition, subresource: '', object: undefined, old, user, dryRun };
      policies.review({ operation: 'DELETE', ...of }, exchange.warn);
    };
    try {
      const steps = pathSteps(exchange.path);
      const info = parseRequestInfo(steps);
      if (info === undefined) answerMeta(exchange, steps, this.#discovery, this.#openApi, this.#tokens.keySet);
      else await this.#resource(exchange, info, user);
    } catch (error) {
      this.fail(exchange, error);
    }
  }

  fail(exchange: Exchange, error: unknown): void {
    if (exchange.response.destroyed) return;
    const refusal = asApiError(error, this.#options.log);
    const { request } = exchange;
    const unread = !request.complete;
    // An unread body would be taken for the next request.
    if (unread) exchange.response.setHeader('Connection', 'close');
    exchange.json(refusal.code, refusal.toStatus());
    if (!unread) return;
    // The client may still send: let it see the answer, then hang up.
    request.on('error', () => undefined).resume();
    setTimeout(() => request.destroy(), HANG_UP_AFTER_MS).unref();
  }

  async #resource(exchange: Exchange, info: RequestInfo, user: User): Promise<void> {
    const definition = this.#store.catalog.find(info.group, info.version, info.resource);
    if (definition === undefined) {
      await this.#virtual(exchange, info, user);
      return;
    }
    if (!definition.namespaced && info.namespace !== undefined) throw noSuchResource();
    if (info.name === undefined) {
      await this.#collection(exchange, definition, info.namespace);
      return;
    }
    if (definition.namespaced && info.namespace === undefined) throw noSuchResource();
    const key: ObjectKey = { namespace: info.namespace, name: info.name };
    if (info.subresource === undefined || isPart(definition, info.subresource)) {
      await this.#object(exchange, definition, key, info.subresource);
    } else await this.#subresource(exchange, definition, key, info.subresource);
  }

  async #collection(exchange: Exchange, definition: ResourceDefinition, namespace: string | undefined): Promise<void> {
    const { query, method } = exchange;
    const form = negotiateForm(exchange.header('accept'), query.get('includeObject'));
    const { clock } = this.#options;
    if (method === 'POST') {
      allow(definition, 'create');
      const object = await createObject(exchange, this.#store, definition, namespace);
      exchange.send(201, presentObject(definition, object, form, clock.now()), 'application/json');
      return;
    }
    const selection = new Selection(definition, {
      namespace,
      labelSelector: query.get('labelSelector') ?? '',
      fieldSelector: query.get('fieldSelector') ?? '',
    });
    if (method === 'GET' || method === 'HEAD') {
      checkListOptions(query);
      if (isWatch(query)) {
        const { signal } = this.#options;
        streamWatch(exchange, { store: this.#store, selection, form, now: () => clock.now(), signal });
        return;
      }
      const page = this.#lister.list(selection, query);
      exchange.send(200, presentList(definition, page.items, page.metadata, form, clock.now()), 'application/json');
    } else if (method === 'DELETE') {
      allow(definition, 'deletecollection');
      const page = await deleteCollection(exchange, this.#store, this.#lister, selection);
      exchange.send(200, presentList(definition, page.items, page.metadata, form, clock.now()), 'application/json');
    } else throw methodNotAllowed();
  }

  async #object(
    exchange: Exchange,
    definition: ResourceDefinition,
    key: ObjectKey,
    subresource: string | undefined,
  ): Promise<void> {
    const form = negotiateForm(exchange.header('accept'), exchange.query.get('includeObject'));
    const answer = (status: number, object: KubeObject): void =>
      exchange.send(status, presentObject(definition, object, form, this.#options.clock.now()), 'application/json');
    switch (exchange.method) {
      case 'GET':
      case 'HEAD': {
        const stored = this.#store.require(definition, key);
        if (form.as === 'json') exchange.send(200, stored.json, 'application/json');
        else answer(200, stored.object);
        return;
      }
      case 'PUT':
        return answer(200, await updateObject(exchange, this.#store, definition, key, subresource));
      case 'PATCH': {
        const { object, created } = await patchObject(exchange, this.#store, definition, key, subresource);
        return answer(created ? 201 : 200, object);
      }
      case 'DELETE': {
        if (subresource !== undefined) throw methodNotAllowed();
        const options = await deleteOptionsOf(exchange);
        const { object, gone } = this.#store.delete(definition, key, options);
        exchange.json(200, deletionAnswer(definition, object, gone));
        return;
      }
      default:
        throw methodNotAllowed();
    }
  }

  async #subresource(
    exchange: Exchange,
    definition: ResourceDefinition,
    key: ObjectKey,
    subresource: string,
  ): Promise<void> {
    const { podLog, signal, namespaces, clock } = this.#options;
    if (subresource === 'scale' && definition.scaleSelector !== undefined) {
      return exchange.json(200, await answerScale(exchange, this.#store, definition, key));
    }
    const action = `${exchange.method} ${definition.resource}/${subresource}`;
    switch (action) {
      case 'GET pods/log':
        return streamLog(exchange, this.#store.require(definition, key).object, podLog, {
          closing: signal,
          now: clock.now(),
        });
      case 'POST pods/binding':
        return createBinding(exchange, this.#store, key, key.namespace ?? '');
      case 'POST pods/eviction':
        return evictPod(exchange, this.#store, definition, key);
      case 'POST serviceaccounts/token':
        return createToken(exchange, this.#tokens, key);
      case 'PUT namespaces/finalize': {
        this.#store.require(definition, key);
        const { value } = await exchange.parsedBody();
        const object = namespaces.finalize(key.name, finalizersOf(value));
        exchange.json(200, object ?? {});
        return;
      }
      default:
        throw noSuchResource();
    }
  }

  async #virtual(exchange: Exchange, info: RequestInfo, user: User): Promise<void> {
    if (info.group.endsWith('.k8s.io') && exchange.method === 'POST' && info.name === undefined) {
      const { value } = await exchange.parsedBody();
      const groupVersion = `${info.group}/${info.version}`;
      const answer = this.#reviews.answer(groupVersion, info.resource, value, user, info.namespace);
      if (answer !== undefined) return exchange.json(201, answer);
    }
    if (
      info.group === '' &&
      info.resource === 'bindings' &&
      exchange.method === 'POST' &&
      info.namespace !== undefined
    ) {
      return createBinding(exchange, this.#store, undefined, info.namespace);
    }
    throw noSuchResource();
  }
}

/** Whether it is read as the whole object, and written apart from the rest of it. */
function isPart(definition: ResourceDefinition, subresource: string): boolean {
  return subresource === 'status' ? definition.status === true : Object.hasOwn(definition.parts ?? {}, subresource);
}

function allow(definition: ResourceDefinition, verb: Verb): void {
  if (!verbsOf(definition).includes(verb)) throw methodNotAllowed();
}

function finalizersOf(value: unknown): string[] {
  const spec = (value as { spec?: { finalizers?: unknown } } | null)?.spec;
  return Array.isArray(spec?.finalizers) ? spec.finalizers.filter((f) => typeof f === 'string') : [];
}
