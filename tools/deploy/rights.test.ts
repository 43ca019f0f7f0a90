import { expect, it } from 'vitest';
import {
  ENDPOINT_SLICE,
  IDENTITY,
  NAMESPACE,
  NODE,
  NODE_ENDPOINT_SLICE,
  NODE_PROOF,
  POD,
  policyResource,
  SERVICE,
  TENANT,
} from '../../src/kube/index.ts';
import { POLICY_KINDS } from '../../src/policy/index.ts';
import { AGENT_ROLE, OPERATOR_ROLE } from './rights.ts';

type Followed = { readonly groupPath: string; readonly plural: string };

const POLICIES = POLICY_KINDS.map((kind) => policyResource(kind));
const BY_AGENT = [NAMESPACE, NODE, TENANT, ...POLICIES, IDENTITY, NODE_ENDPOINT_SLICE, POD, SERVICE, ENDPOINT_SLICE];
const BY_OPERATOR = [IDENTITY, NODE, NODE_ENDPOINT_SLICE, NODE_PROOF, TENANT, NAMESPACE, SERVICE];

const all = [
  ...BY_AGENT.map((kind) => ['an agent', kind.plural, AGENT_ROLE, kind] as const),
  ...BY_OPERATOR.map((kind) => ['the operator', kind.plural, OPERATOR_ROLE, kind] as const),
];

/** Without `watch` it would go on by lists, seconds late, and look well. */
it.each(all)('%s may list %s, and watch them', (_who, _what, role, kind: Followed) => {
  const group = kind.groupPath === '/api/v1' ? '' : (kind.groupPath.split('/')[2] ?? '');
  const verbs = role
    .filter(({ apiGroups, resources }) => apiGroups.includes(group) && resources.includes(kind.plural))
    .flatMap((rule) => rule.verbs);
  expect(verbs).toEqual(expect.arrayContaining(['list', 'watch']));
});
