import { Code, ConnectError, createContextKey } from '@connectrpc/connect';
import { z } from 'zod';
import { isObject } from '../../base/index.ts';
import type { Subject } from '../../observe/index.ts';

/** Who asks: one who sees all (root on the node's own socket, a relay for itself), or somebody with rights of his own. */
export type Caller = {
  /** Whether he still is who he was. Throws when nobody answers. */
  readonly stillHolds: (() => Promise<boolean>) | undefined;
} & ({ readonly seesAll: true } | { readonly seesAll: false; readonly subject: Subject });

export const EVERYTHING: Caller = { seesAll: true, stillHolds: undefined };

/** Of a request: who sends it is asked when it is answered. */
export const CALLER = createContextKey<() => Promise<Caller>>(async () => {
  throw unauthenticated('nobody said who asks');
});

/** For whom somebody asks who may see all; a relay says it so. */
export const AS_HEADER = 'membrane-as';

const subjectSchema = z.strictObject({
  name: z.string().min(1),
  uid: z.string().optional(),
  groups: z.array(z.string()),
  extra: z.record(z.string(), z.array(z.string())).optional(),
});

/** Headers by which a node is told for whom it is asked. */
export function headersOf(caller: Caller): Readonly<Record<string, string>> {
  return caller.seesAll ? {} : { [AS_HEADER]: Buffer.from(JSON.stringify(caller.subject)).toString('base64url') };
}

/** InvalidArgument for what names nobody. */
export function namedIn(header: string): Subject {
  try {
    const value: unknown = JSON.parse(Buffer.from(header, 'base64url').toString('utf8'));
    const { name, uid, groups, extra } = subjectSchema.parse(isObject(value) ? value : {});
    return { name, groups, ...(uid === undefined ? {} : { uid }), ...(extra === undefined ? {} : { extra }) };
  } catch (cause) {
    throw new ConnectError(`${AS_HEADER} names nobody`, Code.InvalidArgument, undefined, undefined, cause);
  }
}

export const unauthenticated = (why: string): ConnectError => new ConnectError(why, Code.Unauthenticated);
