import { beyondTenant } from './beyond-tenant.ts';
import { egressWithoutDns } from './egress-without-dns.ts';
import { exceptWithoutEffect } from './except-without-effect.ts';
import type { LintFinding, LintRule, LintWorld } from './finding.ts';
import { namespaceOpen } from './namespace-open.ts';
import { peerNobody } from './peer-nobody.ts';
import { portNameUnknown } from './port-name-unknown.ts';
import { selectsNobody } from './selects-nobody.ts';
import { serviceWithoutBackends } from './service-without-backends.ts';
import { staged } from './staged.ts';

/** By the name that a finding has. */
const RULES: Readonly<Record<string, LintRule>> = {
  'selects-nobody': selectsNobody,
  'peer-nobody': peerNobody,
  'port-name-unknown': portNameUnknown,
  'except-without-effect': exceptWithoutEffect,
  'beyond-tenant': beyondTenant,
  'egress-without-dns': egressWithoutDns,
  'namespace-open': namespaceOpen,
  'service-without-backends': serviceWithoutBackends,
  staged,
};

/** What of policies, and of what they are about, is hardly meant as it stands; warnings first. */
export function lint(world: LintWorld): LintFinding[] {
  const found = Object.entries(RULES).flatMap(([rule, look]) => look(world).map((finding) => ({ ...finding, rule })));
  return (['warning', 'info'] as const).flatMap((severity) => found.filter((one) => one.severity === severity));
}
