import { dnsSubdomainFaults, type FieldError, invalid, notSupported, required } from '../../../model/index.ts';
import { expressionFault, expressionsOf } from '../admission/expressions.ts';
import { ADMISSION_GROUP } from '../admission/policies.ts';
import { ensureObject, isObject, type JsonObject, listAt, objectAt, setDefault, stringAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { ageColumn, column, fieldColumn, nameColumn } from '../print/columns.ts';
import type { ResourceDefinition } from '../resource.ts';
import { validatingAdmissionPolicy, validatingAdmissionPolicyBinding } from '../schema/admission.ts';

const common = {
  group: ADMISSION_GROUP,
  version: 'v1',
  namespaced: false,
  generation: true,
  nameFaults: dnsSubdomainFaults,
} as const;

function setMatchDefaults(match: JsonObject): void {
  setDefault(match, 'matchPolicy', 'Equivalent');
  for (const key of ['namespaceSelector', 'objectSelector']) if (!isObject(match[key])) match[key] = {};
  for (const rule of [...listAt(match, 'resourceRules'), ...listAt(match, 'excludeResourceRules')]) {
    if (isObject(rule)) setDefault(rule, 'scope', '*');
  }
}

export const validatingAdmissionPolicies: ResourceDefinition = {
  ...common,
  resource: 'validatingadmissionpolicies',
  singular: 'validatingadmissionpolicy',
  kind: 'ValidatingAdmissionPolicy',
  schema: validatingAdmissionPolicy,
  status: true,
  columns: [
    nameColumn,
    column('Validations', (object) => listAt(object, 'spec', 'validations').length, { type: 'integer' }),
    column('ParamKind', (object) => {
      const kind = stringAt(object, 'spec', 'paramKind', 'kind');
      return kind === undefined ? '<unset>' : `${stringAt(object, 'spec', 'paramKind', 'apiVersion') ?? ''}/${kind}`;
    }),
    ageColumn,
  ],
  setDefaults: (object) => {
    const spec = ensureObject(object, 'spec');
    setDefault(spec, 'failurePolicy', 'Fail');
    const match = objectAt(spec, 'matchConstraints');
    if (match !== undefined) setMatchDefaults(match);
  },
  validate: validatePolicy,
};

const FAILURE_POLICIES = ['Fail', 'Ignore'];
const REASONS = ['Unauthorized', 'Forbidden', 'Invalid', 'RequestEntityTooLarge'];

function validatePolicy(object: KubeObject): FieldError[] {
  const faults: FieldError[] = [];
  const failure = stringAt(object, 'spec', 'failurePolicy') ?? '';
  if (!FAILURE_POLICIES.includes(failure)) faults.push(notSupported('spec.failurePolicy', failure, FAILURE_POLICIES));
  if (objectAt(object, 'spec', 'matchConstraints') === undefined) faults.push(required('spec.matchConstraints'));
  else if (listAt(object, 'spec', 'matchConstraints', 'resourceRules').length === 0) {
    faults.push(required('spec.matchConstraints.resourceRules'));
  }
  const validations = listAt(object, 'spec', 'validations');
  if (validations.length === 0 && listAt(object, 'spec', 'auditAnnotations').length === 0) {
    faults.push(required('spec.validations'));
  }
  for (const [index, validation] of validations.entries()) {
    const field = `spec.validations[${index}]`;
    if ((stringAt(validation, 'expression') ?? '').trim() === '') faults.push(required(`${field}.expression`));
    const reason = stringAt(validation, 'reason');
    if (reason !== undefined && !REASONS.includes(reason))
      faults.push(notSupported(`${field}.reason`, reason, REASONS));
  }
  for (const { field, expression } of expressionsOf(object)) {
    const fault = expression.trim() === '' ? undefined : expressionFault(expression);
    if (fault !== undefined) faults.push(invalid(field, expression, `compilation failed: ${fault}`));
  }
  return faults;
}

const ACTIONS = ['Deny', 'Warn', 'Audit'];

export const validatingAdmissionPolicyBindings: ResourceDefinition = {
  ...common,
  resource: 'validatingadmissionpolicybindings',
  singular: 'validatingadmissionpolicybinding',
  kind: 'ValidatingAdmissionPolicyBinding',
  schema: validatingAdmissionPolicyBinding,
  columns: [
    nameColumn,
    fieldColumn('PolicyName', ['spec', 'policyName'], ''),
    column('ParamRef', (object) => stringAt(object, 'spec', 'paramRef', 'name') ?? '<unset>'),
    ageColumn,
  ],
  setDefaults: (object) => {
    const match = objectAt(object, 'spec', 'matchResources');
    if (match !== undefined) setMatchDefaults(match);
  },
  validate: (object) => {
    const faults: FieldError[] = [];
    if ((stringAt(object, 'spec', 'policyName') ?? '') === '') faults.push(required('spec.policyName'));
    const actions = listAt(object, 'spec', 'validationActions').filter((action) => typeof action === 'string');
    if (actions.length === 0) faults.push(required('spec.validationActions'));
    for (const action of actions) {
      if (!ACTIONS.includes(action)) faults.push(notSupported('spec.validationActions', action, ACTIONS));
    }
    if (actions.includes('Deny') && actions.includes('Warn')) {
      const shown = JSON.stringify(actions);
      const why =
        'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)';
      faults.push(invalid('spec.validationActions', shown, why));
    }
    return faults;
  },
};
