import { dnsSubdomainFaults, type FieldError, invalid, required } from '../../../model/index.ts';
import { Prefix } from '../../../net/index.ts';
import { equal, listAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { ageColumn, column, nameColumn } from '../print/columns.ts';
import type { ResourceDefinition } from '../resource.ts';
import { serviceCidr } from '../schema/extensions.ts';

const cidrsOf = (object: KubeObject): string[] =>
  listAt(object, 'spec', 'cidrs').filter((text) => typeof text === 'string');

/** Without bits beyond its length. */
function isPrefix(text: string): boolean {
  try {
    return Prefix.parse(text).length >= 0;
  } catch {
    return false;
  }
}

/** At most one of each family. */
function validate(object: KubeObject): FieldError[] {
  const cidrs = cidrsOf(object);
  if (cidrs.length === 0) return [required('spec.cidrs', 'at least one CIDR required')];
  const errors = cidrs.flatMap((text, index) =>
    isPrefix(text) ? [] : [invalid(`spec.cidrs[${index}]`, text, 'must be a valid CIDR value')],
  );
  const families = new Set(cidrs.map((text) => text.includes(':')));
  if (families.size < cidrs.length)
    errors.push(invalid('spec.cidrs', cidrs, 'may specify no more than one of each family'));
  return errors;
}

/** KEP-1880. Read by network implementations; here the server's own range is the only one that addresses come from. */
export const serviceCidrs: ResourceDefinition = {
  group: 'networking.k8s.io',
  version: 'v1',
  resource: 'servicecidrs',
  singular: 'servicecidr',
  kind: 'ServiceCIDR',
  namespaced: false,
  schema: serviceCidr,
  nameFaults: dnsSubdomainFaults,
  columns: [nameColumn, column('CIDRs', (object) => cidrsOf(object).join(',')), ageColumn],
  validate,
  validateUpdate: (next, old) =>
    equal(next['spec'] ?? null, old['spec'] ?? null) ? [] : [invalid('spec', next['spec'], 'field is immutable')],
};
