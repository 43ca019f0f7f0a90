import { isMembraneError } from '../base/index.ts';
import type { KubeClient } from './client.ts';
import { kubeErrors } from './errors.ts';
import type { KubeRequest } from './transport.ts';

/**
 * Makes, replaces or changes an object of a kind that Membrane itself defines. The definitions of a cluster may be of another release:
 * what they do not know a server would drop, and an object that says less would mean somebody else. From 1.25 on servers are
 * asked to refuse it; `isKept` reads the answer and says undefined, or throws, where something is missing. E_KUBE_OTHER_KIND, E_KUBE_NO_KIND for one that is made,
 * and what requests throw.
 */
export async function writeOwn<T>(
  client: Pick<KubeClient, 'request'>,
  request: KubeRequest & { readonly method: 'POST' | 'PUT' | 'PATCH' },
  isKept: (answer: unknown) => T | undefined,
): Promise<T> {
  const what = `${request.method} ${request.path}`;
  let answer: unknown;
  try {
    answer = await client.request({ ...request, query: { ...request.query, fieldValidation: 'Strict' } });
  } catch (error) {
    if (request.method === 'POST' && isMembraneError(error, 'E_KUBE_NOT_FOUND')) {
      throw kubeErrors.make('E_KUBE_NO_KIND', { detail: request.path, cause: error });
    }
    if (isMembraneError(error, 'E_KUBE_INVALID')) {
      throw kubeErrors.make('E_KUBE_OTHER_KIND', { detail: what, cause: error });
    }
    throw error;
  }
  const kept = readBack(answer, isKept);
  if (kept !== undefined) return kept;
  throw kubeErrors.make('E_KUBE_OTHER_KIND', { detail: `${what}: the server keeps another object than was written` });
}

/** What cannot be read is not what was written either. */
function readBack<T>(answer: unknown, isKept: (answer: unknown) => T | undefined): T | undefined {
  try {
    return isKept(answer);
  } catch {
    return undefined;
  }
}
