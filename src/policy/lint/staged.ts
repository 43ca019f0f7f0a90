import { policyKey, STAGE_ANNOTATION } from '../../model/index.ts';
import type { LintRule } from './finding.ts';

/** Nobody who reads a policy sees what it does not do yet. */
export const staged: LintRule = ({ policies }) =>
  policies.flatMap(({ policy, isStaged }) =>
    isStaged
      ? [
          {
            severity: 'info' as const,
            object: policyKey(policy),
            field: `metadata.annotations[${STAGE_ANNOTATION}]`,
            why: 'it is staged: it is not enforced, and isolates nobody',
            remedy: `Look at what it would do (membrane policy what-if --staged), then remove the annotation.`,
          },
        ]
      : [],
  );
