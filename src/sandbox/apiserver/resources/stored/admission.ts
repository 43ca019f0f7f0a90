import { dnsSubdomainFaults } from '../../../../model/index.ts';
import { listAt, stringAt } from '../../json.ts';
import { ageColumn, column, fieldColumn, nameColumn } from '../../print/columns.ts';
import type { ResourceDefinition } from '../../resource.ts';
import {
  mutatingWebhookConfiguration,
  validatingAdmissionPolicy,
  validatingAdmissionPolicyBinding,
  validatingWebhookConfiguration,
} from '../../schema/admission.ts';
import type { StructSchema } from '../../schema/dsl.ts';
import { noEffect } from './no-effect.ts';

const common = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  namespaced: false,
  generation: true,
  nameFaults: dnsSubdomainFaults,
} as const;

function webhooks(kind: string, schema: StructSchema): ResourceDefinition {
  const singular = kind.toLowerCase();
  return {
    ...common,
    resource: `${singular}s`,
    singular,
    kind,
    schema,
    categories: ['api-extensions'],
    columns: [
      nameColumn,
      column('Webhooks', (object) => listAt(object, 'webhooks').length, { type: 'integer' }),
      ageColumn,
    ],
    warnings: noEffect(kind, 'no webhook is asked'),
  };
}

export const validatingWebhookConfigurations = webhooks(
  'ValidatingWebhookConfiguration',
  validatingWebhookConfiguration,
);
export const mutatingWebhookConfigurations = webhooks('MutatingWebhookConfiguration', mutatingWebhookConfiguration);

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
  warnings: noEffect('ValidatingAdmissionPolicy', 'nothing is refused by it'),
};

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
  warnings: noEffect('ValidatingAdmissionPolicyBinding', 'nothing is refused by it'),
};
