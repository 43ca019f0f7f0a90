export { type AgentNotice, AgentNotices } from './agent-notices.ts';
export { BootClock } from './boot-clock.ts';
export type { DatapathEvent } from './decode.ts';
export { type FlowClock, FlowHub, type FlowQuery, type FlowStats } from './flow-hub.ts';
export { type NamesNow, PastNames } from './past-names.ts';
export { type RecordLayout, verdictOf } from './record.ts';
export {
  type AccessQuestion,
  type AskAccess,
  Rights,
  type Subject,
  Viewer,
} from './sight/index.ts';
