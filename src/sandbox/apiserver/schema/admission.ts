import { any, bytes, fields, int32, list, listBy, string, strings, struct } from './dsl.ts';
import { labelSelector, objectFields } from './meta.ts';

const ADMISSION = 'io.k8s.api.admissionregistration.v1';

const clientConfig = struct(`${ADMISSION}.WebhookClientConfig`, {
  url: string,
  caBundle: bytes,
  service: struct(
    `${ADMISSION}.ServiceReference`,
    { ...fields(string, 'namespace', 'name', 'path'), port: int32 },
    { required: ['namespace', 'name'] },
  ),
});

const webhookFields = {
  ...fields(string, 'name', 'failurePolicy', 'matchPolicy', 'sideEffects'),
  clientConfig,
  rules: list(
    struct(`${ADMISSION}.RuleWithOperations`, {
      ...fields(strings, 'operations', 'apiGroups', 'apiVersions', 'resources'),
      scope: string,
    }),
  ),
  ...fields(labelSelector, 'namespaceSelector', 'objectSelector'),
  timeoutSeconds: int32,
  admissionReviewVersions: strings,
  matchConditions: listBy('name', struct(`${ADMISSION}.MatchCondition`, fields(string, 'name', 'expression'))),
};
const required = ['name', 'clientConfig', 'sideEffects', 'admissionReviewVersions'];

export const validatingWebhookConfiguration = struct(`${ADMISSION}.ValidatingWebhookConfiguration`, {
  ...objectFields,
  webhooks: listBy('name', struct(`${ADMISSION}.ValidatingWebhook`, webhookFields, { required })),
});

export const mutatingWebhookConfiguration = struct(`${ADMISSION}.MutatingWebhookConfiguration`, {
  ...objectFields,
  webhooks: listBy(
    'name',
    struct(`${ADMISSION}.MutatingWebhook`, { ...webhookFields, reinvocationPolicy: string }, { required }),
  ),
});

export const validatingAdmissionPolicy = struct(`${ADMISSION}.ValidatingAdmissionPolicy`, {
  ...objectFields,
  spec: struct(`${ADMISSION}.ValidatingAdmissionPolicySpec`, {
    ...fields(any, 'paramKind', 'matchConstraints'),
    failurePolicy: string,
    ...fields(list(any), 'validations', 'auditAnnotations', 'matchConditions', 'variables'),
  }),
  status: any,
});

export const validatingAdmissionPolicyBinding = struct(`${ADMISSION}.ValidatingAdmissionPolicyBinding`, {
  ...objectFields,
  spec: struct(`${ADMISSION}.ValidatingAdmissionPolicyBindingSpec`, {
    policyName: string,
    ...fields(any, 'paramRef', 'matchResources'),
    validationActions: strings,
  }),
});
