import { type Json, type JsonObject, listAt } from '../json.ts';
import type { Attributes } from './attributes.ts';

/** `rbac.authorization.k8s.io/v1` PolicyRule. */
export type Rule = {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  /** None: all. */
  readonly resourceNames: readonly string[];
  readonly nonResourceURLs: readonly string[];
};

export function ruleOf(value: Json): Rule {
  const strings = (key: string): string[] => listAt(value, key).filter((item) => typeof item === 'string');
  return {
    verbs: strings('verbs'),
    apiGroups: strings('apiGroups'),
    resources: strings('resources'),
    resourceNames: strings('resourceNames'),
    nonResourceURLs: strings('nonResourceURLs'),
  };
}

const holds = (list: readonly string[], value: string): boolean => list.includes('*') || list.includes(value);

export function allows(rule: Rule, asked: Attributes): boolean {
  if (!holds(rule.verbs, asked.verb)) return false;
  if (asked.path !== undefined) return rule.nonResourceURLs.some((pattern) => pathMatches(pattern, asked.path));
  return (
    holds(rule.apiGroups, asked.group) &&
    resourceMatches(rule.resources, asked.resource, asked.subresource) &&
    (rule.resourceNames.length === 0 || rule.resourceNames.includes(asked.name))
  );
}

function pathMatches(pattern: string, path: string): boolean {
  if (pattern === '*' || pattern === path) return true;
  return pattern.endsWith('*') && path.startsWith(pattern.replace(/\*+$/, ''));
}

/** A plain name is not its subresources: these are named with it, or as those of everything. */
function resourceMatches(resources: readonly string[], resource: string, subresource: string): boolean {
  const whole = subresource === '' ? resource : `${resource}/${subresource}`;
  if (holds(resources, whole)) return true;
  return subresource !== '' && resources.includes(`*/${subresource}`);
}

/** Whether these rules allow all that `wanted` allows: nobody hands out more than he has. */
export function cover(own: readonly Rule[], wanted: Rule): boolean {
  const each = (values: readonly string[]): readonly string[] => (values.length === 0 ? [''] : values);
  return wanted.verbs.every(
    (verb) =>
      wanted.nonResourceURLs.every((path) => own.some((rule) => allows(rule, { verb, path }))) &&
      wanted.apiGroups.every((group) =>
        wanted.resources.every((named) =>
          each(wanted.resourceNames).every((name) => {
            const [resource = '', subresource = ''] = named.split('/');
            const asked = { verb, group, version: '', resource, subresource, namespace: '', name };
            return own.some((rule) => allows(rule, asked));
          }),
        ),
      ),
  );
}

export function asJson(rule: Rule): JsonObject {
  const entries = Object.entries(rule).filter(([key, value]) => key === 'verbs' || value.length > 0);
  return Object.fromEntries(entries.map(([key, value]) => [key, [...value]]));
}
