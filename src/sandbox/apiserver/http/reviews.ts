import type { Json, JsonObject } from '../json.ts';
import { decode } from '../schema/decode.ts';
import { selfSubjectAccessReview, selfSubjectRulesReview } from '../schema/extensions.ts';
import { badRequest } from '../status.ts';

const VERSION = 'authorization.k8s.io/v1';

/** Answers to `kubectl auth can-i`: whoever has the token may do everything. */
export function reviewAccess(resource: string, body: Json): JsonObject | undefined {
  switch (resource) {
    case 'selfsubjectaccessreviews': {
      const { object } = decode(selfSubjectAccessReview, body, { version: VERSION, kind: 'SelfSubjectAccessReview' });
      const spec = object['spec'] as JsonObject | undefined;
      if (spec?.['resourceAttributes'] === undefined && spec?.['nonResourceAttributes'] === undefined) {
        throw badRequest('exactly one of nonResourceAttributes or resourceAttributes must be specified');
      }
      return {
        ...typed('SelfSubjectAccessReview', object),
        status: { allowed: true, reason: 'the token of the sandbox may do everything' },
      };
    }
    case 'selfsubjectrulesreviews': {
      const { object } = decode(selfSubjectRulesReview, body, { version: VERSION, kind: 'SelfSubjectRulesReview' });
      return {
        ...typed('SelfSubjectRulesReview', object),
        status: {
          resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
          nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
          incomplete: false,
        },
      };
    }
    default:
      return undefined;
  }
}

function typed(kind: string, object: JsonObject): JsonObject {
  return {
    kind,
    apiVersion: VERSION,
    metadata: { creationTimestamp: null },
    spec: object['spec'] ?? {},
  };
}
