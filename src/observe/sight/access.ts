/** Who asks, as the API server knows him. */
export type Subject = {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
};

/** What is asked of flows: what is stored, what comes, and who somebody is. */
export type FlowVerb = 'list' | 'watch' | 'get';

/** Of what a SubjectAccessReview asks; `''`: none, or all. */
export type AccessQuestion = {
  readonly group: 'membrane.io';
  readonly verb: FlowVerb;
  readonly resource: 'flows' | 'tenants';
  readonly subresource: '' | 'identity' | 'flows';
  readonly namespace: string;
  readonly name: string;
};

/** Whether somebody may. Throws when nobody answers. */
export type AskAccess = (subject: Subject, question: AccessQuestion, signal: AbortSignal) => Promise<boolean>;

/** Flows of a namespace, `''`: of all; who its pods are is a subresource. */
export function ofNamespace(verb: FlowVerb, namespace: string): AccessQuestion {
  return {
    group: 'membrane.io',
    verb,
    resource: 'flows',
    subresource: verb === 'get' ? 'identity' : '',
    namespace,
    name: '',
  };
}

/** Of all namespaces of a tenant. */
export function ofTenant(verb: FlowVerb, tenant: string): AccessQuestion {
  return { group: 'membrane.io', verb, resource: 'tenants', subresource: 'flows', namespace: '', name: tenant };
}
