import type { PolicyKind } from '../kind.ts';
import { names } from './names.ts';
import { schema } from './schema.ts';
import { translate } from './translate.ts';
import { validate, warnings } from './validate.ts';

/** `networking.k8s.io/v1` NetworkPolicy. */
export const networkPolicy: PolicyKind = { names, schema, validate, warnings, translate };
