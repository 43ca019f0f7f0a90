import { isIP } from 'node:net';
import { duplicate, type FieldError, forbiddenField, invalid, notSupported } from '../../../model/index.ts';
import { equal, type Json, type JsonObject, listAt, objectAt, stringAt } from '../json.ts';

const FAMILIES = ['IPv4', 'IPv6'];
const POLICIES = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];
/** The sandbox's own: addresses of services are of this one. */
const FAMILY = 'IPv4';
const MOST = 2;

/** Nobody is selected and nothing allocated: it may have families that the cluster does not have. */
export function isSelectorless(spec: Json | undefined): boolean {
  return stringAt(spec, 'clusterIP') === 'None' && Object.keys(objectAt(spec, 'selector') ?? {}).length === 0;
}

/** What a service says of its cluster addresses and their families. */
export function validateClusterIps(spec: Json | undefined): FieldError[] {
  if (stringAt(spec, 'type') === 'ExternalName') return notForNames(spec);
  const ips = listAt(spec, 'clusterIPs');
  const ip = stringAt(spec, 'clusterIP') ?? '';
  const errors: FieldError[] = [];
  if (ip === '' && ips.length > 0) {
    errors.push(invalid('spec.clusterIPs', ips, 'must be empty when `clusterIP` is not specified'));
  } else if (ips.length > 0 && ips[0] !== ip) {
    errors.push(invalid('spec.clusterIPs', ips, 'first value must match `clusterIP`'));
  }
  if (ips[0] === 'None' && ips.length > 1) {
    errors.push(invalid('spec.clusterIPs', ips, "'None' must be the first and only value"));
  }
  if (ips.length > MOST) errors.push(invalid('spec.clusterIPs', ips, `may only hold up to ${MOST} values`));
  const kinds = ips.map((one) => (typeof one === 'string' ? isIP(one) : 0));
  for (const [index, one] of ips.entries()) {
    if (kinds[index] !== 0 || (one === 'None' && index === 0)) continue;
    const form = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
    errors.push(invalid(`spec.clusterIPs[${index}]`, one, form));
  }
  if (ips.length === MOST && kinds[0] !== 0 && kinds[0] === kinds[1]) {
    errors.push(invalid('spec.clusterIPs', ips, 'may specify no more than one IP for each IP family'));
  }
  return [...errors, ...validateFamilies(spec)];
}

function notForNames(spec: Json | undefined): FieldError[] {
  const may = 'may not be set for ExternalName services';
  const first = stringAt(spec, 'clusterIP') ?? listAt(spec, 'clusterIPs')[0] ?? '';
  return [
    ...(first === '' ? [] : [forbiddenField('spec.clusterIPs[0]', may)]),
    ...(listAt(spec, 'ipFamilies').length === 0 ? [] : [forbiddenField('spec.ipFamilies', may)]),
    ...((stringAt(spec, 'ipFamilyPolicy') ?? '') === '' ? [] : [forbiddenField('spec.ipFamilyPolicy', may)]),
  ];
}

function validateFamilies(spec: Json | undefined): FieldError[] {
  const families = listAt(spec, 'ipFamilies').map(String);
  const policy = stringAt(spec, 'ipFamilyPolicy') ?? '';
  const isFree = isSelectorless(spec);
  const errors: FieldError[] = [];
  for (const [index, family] of families.entries()) {
    const field = `spec.ipFamilies[${index}]`;
    if (!FAMILIES.includes(family)) errors.push(notSupported(field, family, FAMILIES));
    else if (families.indexOf(family) < index) errors.push(duplicate(field, family));
    else if (!isFree && family !== FAMILY) errors.push(invalid(field, family, 'not configured on this cluster'));
  }
  const field = 'spec.ipFamilyPolicy';
  if (!POLICIES.includes(policy)) errors.push(notSupported(field, policy, POLICIES));
  else if (policy === 'SingleStack' && families.length > 1) {
    const must = "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified";
    errors.push(invalid(field, policy, must));
  } else if (policy === 'RequireDualStack' && !isFree) {
    errors.push(invalid(field, policy, 'this cluster is not configured for dual-stack services'));
  }
  return errors;
}

/** The first cluster address and family stay as long as the service keeps having one. */
export function validateClusterIpsUpdate(spec: Json | undefined, old: Json | undefined): FieldError[] {
  if ([spec, old].some((one) => stringAt(one, 'type') === 'ExternalName')) return [];
  return (['clusterIPs', 'ipFamilies'] as const).flatMap((key) => {
    const [now, before] = [listAt(spec, key), listAt(old, key)];
    if (before.length === 0 || equal(now[0], before[0])) return [];
    return [invalid(`spec.${key}[0]`, now, 'may not change once set')];
  });
}

/** Who changes the one of both means the other, too, and who says neither keeps what there is (`NormalizeClusterIPs`). */
export function alignClusterIps(spec: JsonObject, old: Json | undefined): void {
  const [ip, oldIp] = [spec['clusterIP'] ?? '', stringAt(old, 'clusterIP') ?? ''];
  const [ips, oldIps] = [listAt(spec, 'clusterIPs'), listAt(old, 'clusterIPs')];
  if (ip === oldIp) {
    if (ips.length === 0 && oldIps.length > 0) spec['clusterIPs'] = [...oldIps];
  } else if (equal(ips, oldIps)) {
    if (ip === '') delete spec['clusterIPs'];
    else spec['clusterIPs'] = [ip];
  }
  if (ip !== '' || oldIp === '' || spec['type'] === 'ExternalName') return;
  spec['clusterIP'] = oldIp;
  if (listAt(spec, 'clusterIPs').length === 0) spec['clusterIPs'] = [...oldIps];
}
