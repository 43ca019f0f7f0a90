import { policyKey } from '../../model/index.ts';
import { selectsPod } from '../ask/index.ts';
import type { LintRule } from './finding.ts';

/** A policy without a pod does nothing: a label is misspelt, or its pods are in another namespace. */
export const selectsNobody: LintRule = ({ policies, pods, namespaces }) =>
  policies.flatMap(({ policy, entries }) => {
    const [entry] = entries;
    if (entry === undefined || pods.some(({ workload }) => selectsPod(entry.subject, workload))) return [];
    const isThere = policy.namespace === '' || namespaces.some(({ name }) => name === policy.namespace);
    return [
      {
        severity: 'warning',
        object: policyKey(policy),
        field: isThere ? 'spec.podSelector' : 'metadata.namespace',
        why: isThere ? 'selects no pod' : `there is no namespace ${policy.namespace}`,
        remedy: isThere
          ? 'Compare the selector with the labels of the pods (kubectl get pods --show-labels).'
          : 'Create the namespace, or write the policy for the one where its pods are.',
      },
    ];
  });
