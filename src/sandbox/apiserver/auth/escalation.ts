import { listAt, stringAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import type { ResourceDefinition } from '../resource.ts';
import { RBAC_GROUP } from '../resources/rbac.ts';
import { forbidden } from '../status.ts';
import type { Attributes } from './attributes.ts';
import type { Authorizer } from './authorizer.ts';
import { cover, type Rule, ruleOf } from './rules.ts';
import type { User } from './user.ts';

/**
 * Whoever writes roles and bindings hands out no more than he has himself, unless he was given the verbs `escalate` and
 * `bind` for it. Throws ApiError.
 */
export function forbidEscalation(
  authorizer: Authorizer,
  user: User,
  definition: ResourceDefinition,
  object: KubeObject,
): void {
  if (definition.group !== RBAC_GROUP) return;
  const { name, namespace = '' } = object.metadata;
  const isBinding = object['roleRef'] !== undefined;
  const rules = isBinding ? authorizer.rulesOfRole(object['roleRef'], namespace) : roleRules(object);
  const kind = isBinding ? stringAt(object['roleRef'], 'kind') : definition.kind;
  const asked: Attributes = {
    verb: isBinding ? 'bind' : 'escalate',
    group: RBAC_GROUP,
    version: definition.version,
    resource: kind === 'Role' ? 'roles' : 'clusterroles',
    subresource: '',
    namespace,
    name: isBinding ? (stringAt(object['roleRef'], 'name') ?? '') : name,
  };
  if (authorizer.decide(user, asked).allowed) return;
  const own = authorizer.rulesOf(user, namespace);
  const missing = rules.filter((rule) => !cover(own, rule));
  // An aggregated role takes what others hand out.
  const isOpen = listAt(object['aggregationRule'], 'clusterRoleSelectors').length > 0 && !coversAll(own);
  if (missing.length === 0 && !isOpen) return;
  const listed = missing.map((rule) => JSON.stringify(rule)).join('\n');
  const who = `user ${JSON.stringify(user.name)} (groups=${JSON.stringify(user.groups)})`;
  throw forbidden(definition, name, `${who} is attempting to grant RBAC permissions not currently held:\n${listed}`);
}

const roleRules = (role: KubeObject): Rule[] => listAt(role, 'rules').map(ruleOf);

function coversAll(own: readonly Rule[]): boolean {
  return cover(own, { verbs: ['*'], apiGroups: ['*'], resources: ['*'], resourceNames: [], nonResourceURLs: [] });
}
