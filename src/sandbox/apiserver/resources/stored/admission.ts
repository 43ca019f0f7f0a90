import { dnsSubdomainFaults } from '../../../../model/index.ts';
import { listAt } from '../../json.ts';
import { ageColumn, column, nameColumn } from '../../print/columns.ts';
import type { ResourceDefinition } from '../../resource.ts';
import { mutatingWebhookConfiguration, validatingWebhookConfiguration } from '../../schema/admission.ts';
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
