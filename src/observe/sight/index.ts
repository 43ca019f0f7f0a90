export type { AccessQuestion, AskAccess, FlowVerb, Subject } from './access.ts';
export { Rights } from './rights.ts';
export { Viewer } from './viewer.ts';
