import { badRequest, noSuchResource } from '../status.ts';

/** What a path below `/api/v1` or `/apis/<group>/<version>` names. */
export type RequestInfo = {
  readonly group: string;
  readonly version: string;
  readonly namespace: string | undefined;
  readonly resource: string;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
};

/** Steps of a path, decoded one by one: an encoded slash stays inside its step. */
export function pathSteps(path: string): string[] {
  try {
    return path
      .split('/')
      .filter((step) => step !== '')
      .map(decodeURIComponent);
  } catch {
    throw badRequest('the path of the request is not valid percent-encoding');
  }
}

/** `undefined` for paths that name no resource (`/api`, `/apis/apps/v1`, `/version`). */
export function parseRequestInfo(steps: readonly string[]): RequestInfo | undefined {
  const [root, first = '', second = ''] = steps;
  const core = root === 'api';
  if (!core && root !== 'apis') return undefined;
  const rest = steps.slice(core ? 2 : 3);
  if (rest.length === 0) return undefined;
  const [group, version] = core ? ['', first] : [first, second];
  const isScope = rest[0] === 'namespaces' && rest.length > 2 && rest[2] !== 'status' && rest[2] !== 'finalize';
  const namespace = isScope ? rest[1] : undefined;
  const [resource = '', name, subresource, ...extra] = isScope ? rest.slice(2) : rest;
  if (extra.length > 0) throw noSuchResource();
  return { group, version, namespace, resource, name, subresource };
}
