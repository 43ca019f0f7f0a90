import type { LintRule } from './finding.ts';

/** Whoever asks it is refused, which looks like a policy from outside. */
export const serviceWithoutBackends: LintRule = ({ services }) =>
  services.flatMap(({ service, wantsBackends, backends }) =>
    !wantsBackends || backends > 0
      ? []
      : [
          {
            severity: 'warning' as const,
            object: `Service ${service}`,
            field: 'spec.selector',
            why: 'has no backends: connections to it are refused',
            remedy:
              'Compare the selector with the labels of the pods, and see whether these are ready (kubectl get endpointslices).',
          },
        ],
  );
