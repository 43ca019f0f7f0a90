import { Code, ConnectError } from '@connectrpc/connect';

/** What a client asked for and cannot have: it is told what, and what would do. */
export function invalid(what: string): ConnectError {
  return new ConnectError(what, Code.InvalidArgument);
}
