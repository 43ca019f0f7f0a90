import { Setting } from './setting.ts';

const NODE = "request.userInfo.extra[?'authentication.kubernetes.io/node-name'][0].orValue('')";
const MEMBRANE = { apiGroups: ['membrane.io'], apiVersions: ['*'] };

/** As an expression of a policy has it: who asks is an agent. */
const IS_AGENT = Setting.withNamespace("request.userInfo.username == 'system:serviceaccount:%s:membrane'", 'membrane');

type Validation = { readonly expression: string; readonly message?: string; readonly messageExpression?: string };

const of = (resource: string, expression: string): string =>
  `request.resource.resource != '${resource}' || (${expression})`;

/** What RBAC cannot say: whose an object is, and what an agent may say in it. */
const VALIDATIONS: readonly Validation[] = [
  {
    expression: "variables.node != ''",
    message: 'the token of an agent must be bound to a pod of a node (Kubernetes 1.30 or newer says so in it)',
  },
  {
    expression: of('identityreceipts', 'variables.subject.metadata.name == variables.node'),
    messageExpression: "'an agent writes the receipt of its own node, which is ' + variables.node",
  },
  {
    expression: of(
      'nodeendpointslices',
      '(object == null || object.spec.node == variables.node) && (oldObject == null || oldObject.spec.node == variables.node)',
    ),
    messageExpression: "'an agent writes what its own node tells, which is ' + variables.node",
  },
  {
    expression: of('identities', "request.operation != 'DELETE' && !(has(object.retiring) && object.retiring)"),
    message: 'an agent makes numbers and keeps them; only the operator marks and deletes them',
  },
  {
    expression: of(
      'identities',
      'object == null || !has(object.metadata.finalizers) && !has(object.metadata.ownerReferences)',
    ),
    message: 'a number has no finalizers and belongs to no other object',
  },
];

/** For API servers from 1.30 on; each of an agent's writes of our kinds is checked by it, without a webhook. */
export const admission = (metadata: object): readonly object[] => [
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata,
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: {
        resourceRules: [
          {
            ...MEMBRANE,
            operations: ['CREATE', 'UPDATE', 'DELETE'],
            resources: ['identities', 'identityreceipts', 'nodeendpointslices'],
          },
        ],
      },
      matchConditions: [{ name: 'is-agent', expression: IS_AGENT }],
      variables: [
        { name: 'node', expression: NODE },
        { name: 'subject', expression: 'object == null ? oldObject : object' },
      ],
      validations: VALIDATIONS.map((validation) => ({ ...validation, reason: 'Forbidden' })),
    },
  },
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata,
    spec: { policyName: 'membrane-agents', validationActions: ['Deny'] },
  },
];
