import { POLICY_KINDS } from '../../src/policy/index.ts';
import type { CaseStep, Expectation, PolicyCase } from './case-file.ts';

const SUPPORTED_KINDS = new Set(['Namespace', 'Pod', ...POLICY_KINDS.map(({ names }) => names.kind)]);

/** Why the case cannot be judged, naming what is missing; undefined = it can. A case is never half judged. */
export function unsupported(policyCase: PolicyCase): string | undefined {
  const steps: Pick<CaseStep, 'apply' | 'delete' | 'expect'>[] = [
    { apply: policyCase.policies, delete: [], expect: policyCase.expect },
    ...policyCase.steps,
  ];
  const kinds = [
    ...steps.flatMap((step) => [...step.apply, ...step.delete].map(({ kind }) => kind)),
    ...policyCase.admission.map(({ policy }) => kindOf(policy)),
  ];
  const kind = kinds.find((name) => !SUPPORTED_KINDS.has(name));
  if (kind !== undefined) return `${kind} is not supported`;
  if (policyCase.requires !== undefined) return `requires ${[policyCase.requires].flat().join(', ')}`;
  if (policyCase.config.hairpinServiceCNP !== undefined) return 'hairpinServiceCNP is not supported';
  if (policyCase.steps.some(({ forgetDNS }) => forgetDNS !== undefined)) return 'DNS is not supported';

  for (const flow of steps.flatMap((step) => step.expect)) {
    const feature = unsupportedFlow(flow);
    if (feature !== undefined) return `${feature} is not supported`;
  }
  return undefined;
}

function unsupportedFlow(flow: Expectation): string | undefined {
  if (flow.http !== undefined) return 'HTTP policy';
  if (flow.dns !== undefined) return 'DNS policy';
  if (flow.sni !== undefined) return 'TLS policy';
  if (flow.verdict === 'reset') return 'the verdict reset';
  return undefined;
}

function kindOf(object: unknown): string {
  const kind = (object as { kind?: unknown } | null)?.kind;
  return typeof kind === 'string' ? kind : 'an object without a kind';
}
