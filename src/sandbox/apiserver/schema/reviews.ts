import { any, boolean, fields, int64, list, map, string, strings, struct, time } from './dsl.ts';
import { objectFields } from './meta.ts';

const AUTHENTICATION = 'io.k8s.api.authentication.v1';
const AUTHORIZATION = 'io.k8s.api.authorization.v1';

const resourceAttributes = struct(`${AUTHORIZATION}.ResourceAttributes`, {
  ...fields(string, 'namespace', 'verb', 'group', 'version', 'resource', 'subresource', 'name'),
  ...fields(any, 'fieldSelector', 'labelSelector'),
});
const nonResourceAttributes = struct(`${AUTHORIZATION}.NonResourceAttributes`, fields(string, 'path', 'verb'));
const accessStatus = struct(`${AUTHORIZATION}.SubjectAccessReviewStatus`, {
  ...fields(boolean, 'allowed', 'denied'),
  ...fields(string, 'reason', 'evaluationError'),
});

export const selfSubjectAccessReview = struct(`${AUTHORIZATION}.SelfSubjectAccessReview`, {
  ...objectFields,
  spec: struct(`${AUTHORIZATION}.SelfSubjectAccessReviewSpec`, {
    resourceAttributes,
    nonResourceAttributes,
  }),
  status: accessStatus,
});

/** Of somebody else. */
const subjectFields = {
  resourceAttributes,
  nonResourceAttributes,
  ...fields(string, 'user', 'uid'),
  groups: strings,
  extra: map(strings),
};
export const subjectAccessReview = struct(`${AUTHORIZATION}.SubjectAccessReview`, {
  ...objectFields,
  spec: struct(`${AUTHORIZATION}.SubjectAccessReviewSpec`, subjectFields),
  status: accessStatus,
});
export const localSubjectAccessReview = struct(`${AUTHORIZATION}.LocalSubjectAccessReview`, {
  ...objectFields,
  spec: struct(`${AUTHORIZATION}.SubjectAccessReviewSpec`, subjectFields),
  status: accessStatus,
});

export const selfSubjectRulesReview = struct(`${AUTHORIZATION}.SelfSubjectRulesReview`, {
  ...objectFields,
  spec: struct(`${AUTHORIZATION}.SelfSubjectRulesReviewSpec`, { namespace: string }),
  status: struct(`${AUTHORIZATION}.SubjectRulesReviewStatus`, {
    resourceRules: list(
      struct(`${AUTHORIZATION}.ResourceRule`, fields(strings, 'verbs', 'apiGroups', 'resources', 'resourceNames')),
      { keepEmpty: true },
    ),
    nonResourceRules: list(struct(`${AUTHORIZATION}.NonResourceRule`, fields(strings, 'verbs', 'nonResourceURLs')), {
      keepEmpty: true,
    }),
    incomplete: boolean,
    evaluationError: string,
  }),
});

const userInfo = struct(`${AUTHENTICATION}.UserInfo`, {
  ...fields(string, 'username', 'uid'),
  groups: strings,
  extra: map(strings),
});

export const selfSubjectReview = struct(`${AUTHENTICATION}.SelfSubjectReview`, {
  ...objectFields,
  status: struct(`${AUTHENTICATION}.SelfSubjectReviewStatus`, { userInfo }),
});

export const tokenReview = struct(`${AUTHENTICATION}.TokenReview`, {
  ...objectFields,
  spec: struct(`${AUTHENTICATION}.TokenReviewSpec`, { token: string, audiences: strings }),
  status: struct(`${AUTHENTICATION}.TokenReviewStatus`, {
    authenticated: boolean,
    user: userInfo,
    audiences: strings,
    error: string,
  }),
});

export const tokenRequest = struct(`${AUTHENTICATION}.TokenRequest`, {
  ...objectFields,
  spec: struct(`${AUTHENTICATION}.TokenRequestSpec`, {
    audiences: strings,
    expirationSeconds: int64,
    boundObjectRef: struct(
      `${AUTHENTICATION}.BoundObjectReference`,
      fields(string, 'kind', 'apiVersion', 'name', 'uid'),
    ),
  }),
  status: struct(`${AUTHENTICATION}.TokenRequestStatus`, { token: string, expirationTimestamp: time }),
});
