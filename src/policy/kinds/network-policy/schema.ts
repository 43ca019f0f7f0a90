import { objectSchema } from '../object-schema.ts';
import { names } from './names.ts';

export const schema = objectSchema(names);
