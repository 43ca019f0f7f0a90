export { formatFieldError } from './field-error.ts';
export { inside, listOf, members, type Place, textOf, unreadable } from './members.ts';
export { Reader } from './reader.ts';
export { readSelector } from './selector.ts';
