/** Stands for the image hashicorp/http-echo: answers every request with one text. */
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';

// Go's flags may have one dash.
const args = process.argv.slice(2).map((word) => word.replace(/^-(?=[a-z]{2})/, '--'));
const { values } = parseArgs({
  args,
  options: { text: { type: 'string' }, listen: { type: 'string' }, 'status-code': { type: 'string' } },
});
const { ECHO_TEXT = 'hello-world' } = process.env;
const { text = ECHO_TEXT, listen = ':5678' } = values;
const colon = listen.lastIndexOf(':');
const server = createServer((_, response) => {
  response.writeHead(Number(values['status-code'] ?? 200), { 'Content-Type': 'text/plain' });
  response.end(`${text}\n`);
});
server.listen(Number(listen.slice(colon + 1)), listen.slice(0, colon) || '0.0.0.0');
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
