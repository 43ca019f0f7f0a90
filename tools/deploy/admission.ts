import { Setting } from './setting.ts';

const NODE = "request.userInfo.extra[?'authentication.kubernetes.io/node-name'][0].orValue('')";
const MEMBRANE = { apiGroups: ['membrane.io'], apiVersions: ['*'] };

/** The API server's default, said: `kubectl apply` replaces such a list whole, and would send it again each time. */
const ANYWHERE = { scope: '*' } as const;

/** As an expression of a policy has it: who asks is an agent. */
const IS_AGENT = Setting.withNamespace("request.userInfo.username == 'system:serviceaccount:%s:membrane'", 'membrane');

/** Keeps and lets go by finalizers; that it changes nothing else says a policy of its own. */
const IS_NOT_OPERATOR = Setting.withNamespace(
  "request.userInfo.username != 'system:serviceaccount:%s:membrane-operator'",
  'membrane',
);

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
    expression: of('nodeproofs', 'variables.subject.metadata.name == variables.node'),
    messageExpression: "'an agent says what its own node has proved, which is ' + variables.node",
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
            resources: ['identities', 'identityreceipts', 'nodeendpointslices', 'nodeproofs'],
            ...ANYWHERE,
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

/** Whether the namespace that is made is one that the Tenant claims. */
const CLAIMED =
  '(has(params.spec.namespaces.names) && object.metadata.name in params.spec.namespaces.names) || (has(params.spec.namespaces.prefix) && object.metadata.name.startsWith(params.spec.namespaces.prefix))';

/**
 * A namespace is a tenant's by its name, from its first moment on. So whoever makes one of a name that a tenant claims needs
 * the verb `assign` on that Tenant: else he would be inside.
 */
export const tenantAdmission = (metadata: { readonly name: string }): readonly object[] => [
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata,
    spec: {
      failurePolicy: 'Fail',
      paramKind: { apiVersion: 'membrane.io/v1alpha1', kind: 'Tenant' },
      matchConstraints: {
        resourceRules: [
          { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['namespaces'], ...ANYWHERE },
        ],
      },
      validations: [
        {
          expression: `!(${CLAIMED}) || authorizer.group('membrane.io').resource('tenants').name(params.metadata.name).check('assign').allowed()`,
          messageExpression:
            "'namespaces of this name are those of tenant ' + params.metadata.name + ': to make one needs the verb assign on it'",
          reason: 'Forbidden',
        },
      ],
    },
  },
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata,
    spec: {
      policyName: metadata.name,
      validationActions: ['Deny'],
      paramRef: { selector: {}, parameterNotFoundAction: 'Allow' },
    },
  },
];

/** As an expression of a policy has it: who asks is one of those that the Tenant named before this request. */
const IS_OWNER = `oldObject.spec.?owners.orValue([]).exists(one,
  one.kind == 'User' ? one.name == request.userInfo.username :
  one.kind == 'Group' ? one.name in request.userInfo.?groups.orValue([]) :
  request.userInfo.username == 'system:serviceaccount:' + one.namespace + ':' + one.name)`;

/** Every field but these two is as it was, those too that a newer version has. */
const OWNED = "['exports', 'imports']";
const ONLY_SHARES = `object.spec.all(key, key in ${OWNED} || (key in oldObject.spec && object.spec[key] == oldObject.spec[key])) &&
  oldObject.spec.all(key, key in ${OWNED} || key in object.spec)`;

const isAsItWas = (path: string): string => `object.${path}.orValue([]) == oldObject.${path}.orValue([])`;

/**
 * RBAC knows no fields. Who may update Tenants and has not the verb `assign` on this one changes what it exports and imports,
 * if it names him as an owner; else nothing. What keeps it while its namespaces are there is the operator's.
 */
export const ownerAdmission = (metadata: { readonly name: string }): readonly object[] => [
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata,
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: {
        resourceRules: [{ ...MEMBRANE, operations: ['UPDATE'], resources: ['tenants'], ...ANYWHERE }],
      },
      matchConditions: [
        { name: 'is-not-operator', expression: IS_NOT_OPERATOR },
        {
          name: 'may-not-assign',
          expression:
            "!authorizer.group('membrane.io').resource('tenants').name(oldObject.metadata.name).check('assign').allowed()",
        },
      ],
      validations: [
        {
          expression: IS_OWNER,
          messageExpression: "'tenant ' + oldObject.metadata.name + ' names others as its owners'",
        },
        {
          expression: ONLY_SHARES,
          message: 'its owners change what a tenant exports and imports; the rest needs the verb assign on it',
        },
        {
          expression: [isAsItWas('metadata.?finalizers'), isAsItWas('metadata.?ownerReferences')].join(' && '),
          message: 'finalizers and ownerReferences of a Tenant need the verb assign on it',
        },
      ].map((validation) => ({ ...validation, reason: 'Forbidden' })),
    },
  },
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata,
    spec: { policyName: metadata.name, validationActions: ['Deny'] },
  },
];

const STAGE = "metadata.?annotations[?'membrane.io/stage']";

/**
 * A policy of which nobody knows whether it is staged admits nobody. So it is refused where somebody still looks; what was
 * stored before may stay as it is while something else of it is changed.
 */
export const stageAdmission = (metadata: { readonly name: string }): readonly object[] => [
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata,
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: {
        resourceRules: [
          {
            apiGroups: ['networking.k8s.io'],
            apiVersions: ['v1'],
            operations: ['CREATE', 'UPDATE'],
            resources: ['networkpolicies'],
            ...ANYWHERE,
          },
        ],
      },
      validations: [
        {
          expression: `object.${STAGE}.orValue('true') == 'true' || (oldObject != null && oldObject.${STAGE}.orValue('true') == object.${STAGE}.orValue('true'))`,
          message:
            'annotation membrane.io/stage is "true" while the policy is staged, and is removed to enforce it; it has no other value',
          reason: 'Invalid',
        },
      ],
    },
  },
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata,
    spec: { policyName: metadata.name, validationActions: ['Deny'] },
  },
];

const IS_OPERATOR = Setting.withNamespace(
  "request.userInfo.username == 'system:serviceaccount:%s:membrane-operator'",
  'membrane',
);
const POLICIES = { apiGroups: ['networking.k8s.io'], apiVersions: ['v1'], resources: ['networkpolicies'], ...ANYWHERE };
const MIRRORED = (subject: string): string => `'membrane.io/mirror' in ${subject}.metadata.?labels.orValue({})`;

/**
 * Mirrors of the floor are the operator's: nobody else's policy is called one, and would be enforced by nobody. And it writes no other
 * policies, whatever becomes of it. Everybody may delete one, or a namespace could not go: it is written again.
 */
export const mirrorAdmission = (of: (name: string) => { readonly name: string }): readonly object[] => [
  ...bound(of('membrane-mirrors'), {
    matchConstraints: { resourceRules: [{ ...POLICIES, operations: ['CREATE', 'UPDATE'] }] },
    matchConditions: [{ name: 'is-not-operator', expression: IS_NOT_OPERATOR }],
    validations: [
      {
        expression: `!(${MIRRORED('object')}) && (oldObject == null || !(${MIRRORED('oldObject')}))`,
        message: 'what has the label membrane.io/mirror says what the floor does, and is written by the operator alone',
        reason: 'Forbidden',
      },
    ],
  }),
  ...bound(of('membrane-operator-policies'), {
    matchConstraints: { resourceRules: [{ ...POLICIES, operations: ['CREATE', 'UPDATE', 'DELETE'] }] },
    matchConditions: [{ name: 'is-operator', expression: IS_OPERATOR }],
    validations: [
      {
        expression: `(object == null || ${MIRRORED('object')}) && (oldObject == null || ${MIRRORED('oldObject')})`,
        message: 'the operator writes and deletes no policies but those with the label membrane.io/mirror',
        reason: 'Forbidden',
      },
    ],
  }),
];

/** The Secrets with certificates of flows, by their names. */
const KEPT_SECRETS =
  "{'membrane-hubble-ca': 'Opaque', 'membrane-hubble-node': 'kubernetes.io/tls', 'hubble-relay': 'kubernetes.io/tls'}";

/**
 * What the operator may write of Secrets and Tenants, whatever becomes of it. RBAC names no Secret that is to be made: of the type of a
 * service account's token one would be filled in with the rights of any account of its namespace, for who may read it by
 * its name. And of a Tenant it writes what keeps it, not what it says.
 */
export const operatorAdmission = (of: (name: string) => { readonly name: string }): readonly object[] => [
  ...bound(of('membrane-operator-secrets'), {
    matchConstraints: {
      resourceRules: [
        { apiGroups: [''], apiVersions: ['v1'], resources: ['secrets'], operations: ['CREATE', 'UPDATE'], ...ANYWHERE },
      ],
    },
    matchConditions: [{ name: 'is-operator', expression: IS_OPERATOR }],
    validations: [
      {
        expression: `${KEPT_SECRETS}[?object.metadata.name].orValue('') == object.type`,
        message: 'the operator writes no Secrets but those of the certificates of flows, each of its own type',
        reason: 'Forbidden',
      },
    ],
  }),
  ...bound(of('membrane-operator-tenants'), {
    matchConstraints: {
      resourceRules: [{ ...MEMBRANE, operations: ['CREATE', 'UPDATE'], resources: ['tenants'], ...ANYWHERE }],
    },
    matchConditions: [{ name: 'is-operator', expression: IS_OPERATOR }],
    validations: [
      {
        expression: `oldObject != null && object.spec == oldObject.spec && ${isAsItWas('metadata.?ownerReferences')}`,
        message: 'the operator writes finalizers and the status of a Tenant, not what it says',
        reason: 'Forbidden',
      },
    ],
  }),
];

const bound = (metadata: { readonly name: string }, spec: object): readonly object[] => [
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata,
    spec: { failurePolicy: 'Fail', ...spec },
  },
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata,
    spec: { policyName: metadata.name, validationActions: ['Deny'] },
  },
];
