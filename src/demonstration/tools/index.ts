export type { FrameProcess, Seat } from './frame-process.ts';
export {
  type Client,
  type ConnectionReport,
  type Counter,
  type CountReport,
  probe,
  type Sender,
  type Server,
  sendFrames,
  startConnect,
  startCount,
  startSend,
  startServe,
} from './frame-tool.ts';
export { patience } from './patience.ts';
export {
  ANSWERED_MS,
  type Answerer,
  ask,
  BOTH,
  type Exchanged,
  exchange,
  type Protocol,
  type Question,
  startAnswer,
  statesText,
  type Told,
} from './talk-tool.ts';
