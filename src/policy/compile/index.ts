export { type BoundEntry, hasNames } from './claims.ts';
export {
  CompiledTable,
  type CompileInput,
  compileTable,
  DEFAULT_ALLOW,
  isIsolated,
  LOCALHOST_ALLOW,
} from './compile.ts';
export { precedenceOf } from './precedence.ts';
