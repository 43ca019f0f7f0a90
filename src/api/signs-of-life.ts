import type { Server, ServerResponse } from 'node:http';

export type SignsOfLife = {
  /** Well below what a client waits for an answer to begin. */
  readonly everyMs: number;
  /** After that nothing is said any more, and whoever asked gives up: an answer that never comes holds nobody for ever. */
  readonly mostMs: number;
};

/**
 * While a question is thought about, the server says so (102 Processing, RFC 2518 section 10.1): a client tells a server that takes its
 * time, a proof of a large cluster or a look through the kernel on a busy machine, from one that is stopped.
 */
export function giveSignsOfLife(server: Server, { everyMs, mostMs }: SignsOfLife): void {
  server.on('request', (_, response: ServerResponse) => {
    let left = Math.floor(mostMs / everyMs);
    const timer = setInterval(() => {
      left -= 1;
      if (response.headersSent || left < 0) clearInterval(timer);
      else response.writeProcessing();
    }, everyMs);
    response.once('close', () => clearInterval(timer));
  });
}
