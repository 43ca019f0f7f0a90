import type { JsonObject } from '../json.ts';
import { encodeSwagger } from './gnostic.ts';

const TYPE = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

/** An answer in a form that only older clients want. */
export type LegacyAnswer = { readonly type: string; readonly body: Buffer };

/** The OpenAPI v2 document for kubectl before 1.27; undefined when the client takes JSON. */
export function legacyOpenApi(accept: string, document: () => JsonObject): LegacyAnswer | undefined {
  if (!accept.includes('proto-openapi.spec.v2')) return undefined;
  return { type: TYPE, body: encodeSwagger(document()) };
}
