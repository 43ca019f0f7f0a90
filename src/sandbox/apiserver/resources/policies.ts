import { dnsSubdomainFaults } from '../../../model/index.ts';
import { POLICY_KINDS, type PolicyKind } from '../../../policy/index.ts';
import { ageColumn, nameColumn } from '../print/columns.ts';
import type { ResourceDefinition } from '../resource.ts';
import { any, struct } from '../schema/dsl.ts';
import { objectFields } from '../schema/meta.ts';
import { networkPolicies } from './network-policies.ts';

/** Kinds that Kubernetes has itself, with its fields, defaults and columns. */
const BUILT_IN = [networkPolicies];

/**
 * A kind of policy as a cluster serves a custom resource: any `spec` that the kind's own `validate` takes. Where its definition
 * is applied, that holds instead.
 */
export function policyDefinition({ names: { plural, ...names }, validate, warnings }: PolicyKind): ResourceDefinition {
  const reversed = names.group.split('.').toReversed().join('.');
  return {
    ...names,
    resource: plural,
    custom: true,
    isStandIn: true,
    schema: struct(`${reversed}.${names.version}.${names.kind}`, { ...objectFields, spec: any }),
    generation: true,
    nameFaults: dnsSubdomainFaults,
    columns: [nameColumn, ageColumn],
    validate,
    warnings,
  };
}

/** Every kind of policy that the product knows. */
export const policies: readonly ResourceDefinition[] = POLICY_KINDS.map(
  (kind) => BUILT_IN.find((own) => own.kind === kind.names.kind) ?? policyDefinition(kind),
);
