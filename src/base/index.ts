export { AtOnce } from './at-once.ts';
export { Backoff, type BackoffOptions } from './backoff.ts';
export { type Clock, systemClock } from './clock.ts';
export {
  type ErrorCode,
  type ErrorDetails,
  type ErrorSpec,
  type ErrorTable,
  errorMessage,
  errorTable,
  isMembraneError,
  MembraneError,
} from './errors.ts';
export { escapeText, safeJson } from './escape.ts';
export { flatText } from './flat-text.ts';
export { at, isObject, type Json, type JsonObject, listAt, numberAt, objectAt, stringAt } from './json.ts';
export { Lifecycle, type Service } from './lifecycle.ts';
export { LineSplitter, type SplitLine } from './line-splitter.ts';
export { type Logger, type LogLevel, silentLogger } from './log.ts';
export {
  type NameParts,
  type NamespacedName,
  nameParts,
  namespacedName,
  parseNamespacedName,
} from './namespaced-name.ts';
export { Signal } from './signal.ts';
export { boundSilent, SilentConnections } from './silent-connections.ts';
export { finish, inSlices, type Steps } from './steps.ts';
export { Turns } from './turns.ts';
export { writeWhole } from './whole-file.ts';
