import type { Authorizer } from '../auth/authorizer.ts';
import { type Json, listAt, objectAt, stringAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { apiVersionOf } from '../resource.ts';
import { isEmptySelector, selectorHolds } from '../selector/object-selector.ts';
import { ApiError, qualifiedResource } from '../status.ts';
import type { ApiStore } from '../store/api-store.ts';
import { Authorization } from './authorization.ts';
import { Scope } from './expressions.ts';
import { isMatched } from './match.ts';
import { type AdmissionRequest, requestObject, subjectOf } from './request.ts';

export const ADMISSION_GROUP = 'admissionregistration.k8s.io';
const POLICIES = 'validatingadmissionpolicies';
const BINDINGS = 'validatingadmissionpolicybindings';

type Bound = { readonly policy: KubeObject; readonly binding: KubeObject };
type Denial = Bound & { readonly message: string; readonly reason: string };

/** Asks the ValidatingAdmissionPolicies that are bound at this moment. */
export class AdmissionPolicies {
  readonly #store: ApiStore;
  readonly #authorizer: Pick<Authorizer, 'decide'>;

  constructor(store: ApiStore, authorizer: Pick<Authorizer, 'decide'>) {
    this.#store = store;
    this.#authorizer = authorizer;
  }

  /** Throws ApiError when one denies it; `warn` is told where a binding only wants that. */
  review(request: AdmissionRequest, warn: (message: string) => void): void {
    // Nobody must be able to lock himself out of his policies by one.
    if (request.definition.group === ADMISSION_GROUP) return;
    for (const bound of this.#bound()) {
      for (const denial of this.#denials(bound, request)) enforce(denial, request, warn);
    }
  }

  *#bound(): Iterable<Bound> {
    for (const binding of this.#store.list(BINDINGS).items) {
      const policy = this.#store.get(POLICIES, { name: stringAt(binding, 'spec', 'policyName') ?? '' });
      if (policy !== undefined) yield { policy, binding };
    }
  }

  *#denials(bound: Bound, request: AdmissionRequest): Iterable<Denial> {
    const { policy, binding } = bound;
    const name = subjectOf(request)?.metadata.namespace;
    const namespace = name === undefined ? undefined : this.#store.get('namespaces', { name });
    const isMeant = [objectAt(policy, 'spec', 'matchConstraints'), objectAt(binding, 'spec', 'matchResources')].every(
      (match) => isMatched(match, request, namespace),
    );
    if (!isMeant) return;
    const failed = (message: string): Denial[] =>
      stringAt(policy, 'spec', 'failurePolicy') === 'Ignore' ? [] : [{ ...bound, message, reason: 'Invalid' }];
    const params = this.#params(bound, name);
    if ('failure' in params) return yield* failed(params.failure);
    for (const param of params.all) {
      const values = {
        object: request.object,
        oldObject: request.old,
        request: requestObject(request),
        namespaceObject: namespace,
        params: param,
      };
      const asking = new Authorization(this.#authorizer, request.user);
      const scope = new Scope(values, listAt(policy, 'spec', 'variables'), asking);
      const conditions = scope.conditions(listAt(policy, 'spec', 'matchConditions'));
      if (conditions === 'do not hold') continue;
      if (conditions !== 'hold') yield* failed(conditions.failure);
      else yield* this.#faults(bound, scope, failed);
    }
  }

  *#faults(bound: Bound, scope: Scope, failed: (message: string) => Denial[]): Iterable<Denial> {
    for (const validation of listAt(bound.policy, 'spec', 'validations')) {
      const expression = stringAt(validation, 'expression') ?? '';
      const outcome = scope.evaluate(expression);
      if ('failure' in outcome) yield* failed(outcome.failure);
      else if (outcome.value !== true) {
        const message = messageOf(validation, expression, scope);
        yield { ...bound, message, reason: stringAt(validation, 'reason') ?? 'Invalid' };
      }
    }
  }

  /** What the binding gives the policy to go by: one evaluation each. */
  #params(
    { policy, binding }: Bound,
    own: string | undefined,
  ): { all: (KubeObject | undefined)[] } | { failure: string } {
    const kind = objectAt(policy, 'spec', 'paramKind');
    if (kind === undefined) return { all: [undefined] };
    const definition = this.#store.catalog.all.find(
      (known) => known.kind === kind['kind'] && apiVersionOf(known) === kind['apiVersion'],
    );
    const reference = objectAt(binding, 'spec', 'paramRef');
    if (definition === undefined) return { failure: 'failed to find resource referenced by paramKind' };
    if (reference === undefined) return { all: [undefined] };
    const namespace = definition.namespaced ? (stringAt(reference, 'namespace') ?? own) : undefined;
    const name = stringAt(reference, 'name');
    const selector = objectAt(reference, 'selector');
    const all = this.#store
      .list(definition.resource, { namespace })
      .items.filter(({ metadata }) =>
        name === undefined
          ? isEmptySelector(selector) || selectorHolds(selector, metadata.labels)
          : metadata.name === name,
      );
    if (all.length > 0 || reference['parameterNotFoundAction'] === 'Allow') return { all };
    return { failure: 'no params found for policy binding with `Deny` parameterNotFoundAction' };
  }
}

function messageOf(validation: Json, expression: string, scope: Scope): string {
  const said = stringAt(validation, 'messageExpression');
  const outcome = said === undefined ? undefined : scope.evaluate(said);
  if (outcome !== undefined && 'value' in outcome && typeof outcome.value === 'string' && outcome.value.trim() !== '') {
    return outcome.value.trim();
  }
  return stringAt(validation, 'message') ?? `failed expression: ${expression.trim()}`;
}

const CODES: Readonly<Record<string, number>> = {
  Unauthorized: 401,
  Forbidden: 403,
  RequestEntityTooLarge: 413,
  Invalid: 422,
};

/** In the words of Kubernetes. */
function enforce(
  { policy, binding, message, reason }: Denial,
  request: AdmissionRequest,
  warn: (text: string) => void,
): void {
  const actions = listAt(binding, 'spec', 'validationActions');
  const names = `'${policy.metadata.name}' with binding '${binding.metadata.name}'`;
  if (actions.includes('Warn')) warn(`Validation failed for ValidatingAdmissionPolicy ${names}: ${message}`);
  if (!actions.includes('Deny')) return;
  const { definition } = request;
  const { name = '', generateName = '' } = subjectOf(request)?.metadata ?? {};
  const text = `ValidatingAdmissionPolicy ${names} denied request: ${message}`;
  const what = `${qualifiedResource(definition)} ${JSON.stringify(name === '' ? generateName : name)} is forbidden: ${text}`;
  throw new ApiError(CODES[reason] ?? 422, reason, what, {
    name,
    ...(definition.group === '' ? {} : { group: definition.group }),
    kind: definition.resource,
    causes: [{ message }],
  });
}
