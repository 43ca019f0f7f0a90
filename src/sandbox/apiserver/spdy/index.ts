/** SPDY/3.1: how `kubectl port-forward` carries its connections, and `exec` before 1.30 its streams. */
export { SpdyConnection } from './connection.ts';
export type { SpdyStream } from './stream.ts';
