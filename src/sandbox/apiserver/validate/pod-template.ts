import {
  type FieldError,
  forbiddenField,
  GoValue,
  invalid,
  notSupported,
  required,
  validateLabelSelector,
  validateLabels,
} from '../../../model/index.ts';
import { at, equal, type Json, type JsonObject, listAt, objectAt, stringAt, stringMapAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { isEmptySelector, selectorHolds } from '../selector/object-selector.ts';
import { validatePodSpec } from './pod-spec.ts';

export type TemplateRule = {
  /** In messages: `ReplicaSet`, `deployment`. */
  readonly kind: string;
  readonly restartPolicies: readonly string[];
  /** Names of volumes that pods get besides, or in the place of, those of the template. */
  readonly claims?: readonly string[];
};

/** `spec.selector` and `spec.template` of what keeps pods. */
export function validateSelectorAndTemplate(object: KubeObject, rule: TemplateRule): FieldError[] {
  const spec = objectAt(object, 'spec') ?? {};
  const selector = spec['selector'];
  const errors: FieldError[] = [];
  if (selector === undefined) errors.push(required('spec.selector'));
  else if (isEmptySelector(selector)) {
    errors.push(invalid('spec.selector', goSelector(selector), `empty selector is invalid for ${rule.kind}`));
  }
  errors.push(...validateLabelSelector(selector, 'spec.selector'));
  errors.push(...validateTemplate(at(spec, 'template'), 'spec.template', rule));
  if (errors.length > 0 || selectorHolds(selector, stringMapAt(spec, 'template', 'metadata', 'labels'))) return errors;
  return [unselected(spec)];
}

/** The set would make pods that it does not see. */
export function unselected(spec: Json): FieldError {
  const labels = goMap(stringMapAt(spec, 'template', 'metadata', 'labels'));
  return invalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`');
}

export function validateTemplate(template: Json | undefined, field: string, rule: TemplateRule): FieldError[] {
  if (template === undefined) return [required(field)];
  const spec = objectAt(template, 'spec');
  const errors = validateLabels(at(template, 'metadata', 'labels'), `${field}.metadata.labels`);
  errors.push(...validatePodSpec(withClaims(spec, rule.claims ?? []), `${field}.spec`));
  if (listAt(spec, 'ephemeralContainers').length > 0) {
    errors.push(
      forbiddenField(`${field}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template'),
    );
  }
  const policy = stringAt(spec, 'restartPolicy') ?? '';
  if (spec !== undefined && !rule.restartPolicies.includes(policy)) {
    errors.push(notSupported(`${field}.spec.restartPolicy`, policy, rule.restartPolicies));
  }
  return errors;
}

function withClaims(spec: JsonObject | undefined, claims: readonly string[]): JsonObject | undefined {
  if (spec === undefined || claims.length === 0) return spec;
  const others = listAt(spec, 'volumes').filter((volume) => !claims.includes(stringAt(volume, 'name') ?? ''));
  const own = claims.map((name) => ({ name, persistentVolumeClaim: { claimName: name } }));
  return { ...spec, volumes: [...others, ...own] };
}

/** Where pods are kept for ever, a deadline makes no sense. */
export function validateNoDeadline(object: KubeObject, kind: string): FieldError[] {
  if (at(object, 'spec', 'template', 'spec', 'activeDeadlineSeconds') === undefined) return [];
  const field = 'spec.template.spec.activeDeadlineSeconds';
  return [forbiddenField(field, `activeDeadlineSeconds in ${kind} is not Supported`)];
}

export function validateSelectorUpdate(next: KubeObject, old: KubeObject): FieldError[] {
  const [selector, before] = [at(next, 'spec', 'selector'), at(old, 'spec', 'selector')];
  return equal(selector, before) ? [] : [invalid('spec.selector', goSelector(selector), 'field is immutable')];
}

/** A map of strings as Go writes it. */
export function goMap(map: Readonly<Record<string, string>>): GoValue {
  const pairs = Object.entries(map).toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (pairs.length === 0) return new GoValue('map[string]string(nil)');
  const shown = pairs.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  return new GoValue(`map[string]string{${shown.join(', ')}}`);
}

function goSelector(selector: Json | undefined): GoValue {
  const labels = goMap(stringMapAt(selector, 'matchLabels')).text;
  const expressions = listAt(objectAt(selector), 'matchExpressions').map((expression) => {
    const values = listAt(expression, 'values').map((value) => JSON.stringify(value));
    const shown = values.length === 0 ? '[]string(nil)' : `[]string{${values.join(', ')}}`;
    const [key, operator] = [stringAt(expression, 'key') ?? '', stringAt(expression, 'operator') ?? ''];
    return `v1.LabelSelectorRequirement{Key:${JSON.stringify(key)}, Operator:${JSON.stringify(operator)}, Values:${shown}}`;
  });
  const list = expressions.length === 0 ? '(nil)' : `{${expressions.join(', ')}}`;
  return new GoValue(`v1.LabelSelector{MatchLabels:${labels}, MatchExpressions:[]v1.LabelSelectorRequirement${list}}`);
}
