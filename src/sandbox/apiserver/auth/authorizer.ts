import { type Json, listAt, objectAt, stringAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { selectorHolds } from '../selector/object-selector.ts';
import type { ApiStore } from '../store/api-store.ts';
import type { Attributes } from './attributes.ts';
import { allows, type Rule, ruleOf } from './rules.ts';
import { MASTERS, serviceAccountName, type User } from './user.ts';

export type Decision = { readonly allowed: boolean; readonly reason: string };

/** Decides by roles and bindings (RBAC) as the store holds them at this moment. */
export class Authorizer {
  readonly #store: ApiStore;

  constructor(store: ApiStore) {
    this.#store = store;
  }

  decide(user: User, asked: Attributes): Decision {
    if (user.groups.includes(MASTERS)) return { allowed: true, reason: '' };
    const namespace = asked.path === undefined ? asked.namespace : '';
    for (const { binding, rules } of this.#granted(user, namespace)) {
      if (rules.some((rule) => allows(rule, asked))) return { allowed: true, reason: reasonOf(binding) };
    }
    return { allowed: false, reason: '' };
  }

  /** All that the user may do in a namespace (`''`: in the cluster as a whole). */
  rulesOf(user: User, namespace: string): Rule[] {
    if (user.groups.includes(MASTERS)) {
      const all = { verbs: ['*'], apiGroups: ['*'], resources: ['*'], resourceNames: [], nonResourceURLs: [] };
      return [all, { ...all, apiGroups: [], resources: [], nonResourceURLs: ['*'] }];
    }
    return [...this.#granted(user, namespace)].flatMap(({ rules }) => rules);
  }

  /** Of a role that somebody wants to hand out. */
  rulesOfRole(roleRef: Json | undefined, namespace: string): Rule[] {
    const name = stringAt(roleRef, 'name') ?? '';
    const role =
      stringAt(roleRef, 'kind') === 'Role'
        ? this.#store.get('roles', { namespace, name })
        : this.#store.get('clusterroles', { name });
    return role === undefined ? [] : this.#rules(role);
  }

  *#granted(user: User, namespace: string): Iterable<{ readonly binding: KubeObject; readonly rules: Rule[] }> {
    const bindings = [
      ...this.#store.list('clusterrolebindings').items,
      ...(namespace === '' ? [] : this.#store.list('rolebindings', { namespace }).items),
    ];
    for (const binding of bindings) {
      const own = binding.metadata.namespace ?? '';
      if (!listAt(binding, 'subjects').some((subject) => isSubject(subject, user, own))) continue;
      yield { binding, rules: this.rulesOfRole(binding['roleRef'], own) };
    }
  }

  /** An aggregated role has the rules of those that it selects, too. */
  #rules(role: KubeObject, seen: ReadonlySet<string> = new Set()): Rule[] {
    const selectors = listAt(objectAt(role, 'aggregationRule'), 'clusterRoleSelectors');
    const own = listAt(role, 'rules').map(ruleOf);
    if (selectors.length === 0) return own;
    const known = new Set([...seen, role.metadata.name]);
    const others = this.#store
      .list('clusterroles')
      .items.filter(({ metadata }) => !known.has(metadata.name))
      .filter(({ metadata }) => selectors.some((selector) => selectorHolds(objectAt(selector), metadata.labels)));
    return [...own, ...others.flatMap((other) => this.#rules(other, known))];
  }
}

function isSubject(subject: Json, user: User, namespace: string): boolean {
  const name = stringAt(subject, 'name') ?? '';
  switch (stringAt(subject, 'kind')) {
    case 'User':
      return user.name === name;
    case 'Group':
      return user.groups.includes(name);
    case 'ServiceAccount':
      return user.name === serviceAccountName(stringAt(subject, 'namespace') ?? namespace, name);
    default:
      return false;
  }
}

function reasonOf({ kind, metadata: { name, namespace }, ...rest }: KubeObject): string {
  const role = `${stringAt(rest['roleRef'], 'kind')} ${JSON.stringify(stringAt(rest['roleRef'], 'name'))}`;
  const full = namespace === undefined ? name : `${name}/${namespace}`;
  return `RBAC: allowed by ${kind} ${JSON.stringify(full)} of ${role}`;
}
