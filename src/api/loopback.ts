import { isIP } from 'node:net';

/** Names are refused: `localhost` is what a resolver says it is. */
export function isLoopback(host: string): boolean {
  return (isIP(host) === 4 && host.startsWith('127.')) || host === '::1';
}
