import type { User } from '../auth/user.ts';
import type { Json, JsonObject } from '../json.ts';
import type { KubeObject } from '../object.ts';
import type { ResourceDefinition } from '../resource.ts';

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE';

/** A write that admission is asked about, before anything is stored. */
export type AdmissionRequest = {
  readonly operation: Operation;
  readonly definition: ResourceDefinition;
  /** `''`: of the object as a whole. */
  readonly subresource: string;
  /** Undefined for a deletion. */
  readonly object: KubeObject | undefined;
  /** Undefined for what is new. */
  readonly old: KubeObject | undefined;
  readonly user: User;
  readonly dryRun: boolean;
};

/** What it is about, as it is or was. */
export const subjectOf = ({ object, old }: AdmissionRequest): KubeObject | undefined => object ?? old;

/** `request` of an expression (`admission.k8s.io/v1` AdmissionRequest). */
export function requestObject(request: AdmissionRequest): JsonObject {
  const { operation, definition, subresource, user, dryRun } = request;
  const { group, version, kind, resource } = definition;
  const { name = '', namespace = '' } = subjectOf(request)?.metadata ?? {};
  const of = { kind: { group, version, kind }, resource: { group, version, resource } };
  return {
    ...of,
    requestKind: of.kind,
    requestResource: of.resource,
    subResource: subresource,
    requestSubResource: subresource,
    name,
    namespace,
    operation,
    userInfo: userObject(user),
    dryRun,
    options: {},
  };
}

function userObject({ name, uid, groups, extra = {} }: User): JsonObject {
  const lists = Object.entries(extra).map(([key, values]): [string, Json] => [key, [...values]]);
  return { username: name, uid: uid ?? '', groups: [...groups], extra: Object.fromEntries(lists) };
}
