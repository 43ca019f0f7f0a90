import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A UDP client that keeps its socket, as resolvers do: asks at a steady pace and says at its end, as JSON, how many questions
 * it sent, how many were answered, by whom, and from elsewhere than it asked. Arguments: ADDRESS PORT SECONDS.
 */
const [address = '', port = '', seconds = ''] = process.argv.slice(2);
const PACE_MS = 2;
/** An answer that takes longer counts as none. */
const PATIENCE_MS = 500;

const report = { sent: 0, answered: 0, failed: 0, strange: 0, names: [] as string[] };
const names = new Set<string>();
const socket = createSocket('udp4');
socket.on('message', (data, from) => {
  report.answered += 1;
  names.add(data.toString().split(' ')[0] ?? '');
  if (from.address !== address || from.port !== Number(port)) report.strange += 1;
});
socket.on('error', () => {
  report.failed += 1;
});
const end = Date.now() + Number(seconds) * 1_000;
while (Date.now() < end) {
  report.sent += 1;
  socket.send('who?', Number(port), address, (error) => {
    if (error !== null) report.failed += 1;
  });
  await sleep(PACE_MS);
}
await sleep(PATIENCE_MS);
report.names = [...names].toSorted();
process.stdout.write(`${JSON.stringify(report)}\n`);
socket.close();
