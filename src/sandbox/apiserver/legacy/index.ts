/**
 * What only kubectl before 1.30 needs: streams of `exec` and `attach` over SPDY, and before 1.27 OpenAPI as protocol
 * buffers. To end that, delete this folder and the two lines that import it.
 */
export { legacyOpenApi } from './openapi.ts';
export { spdyTransport } from './spdy-transport.ts';
