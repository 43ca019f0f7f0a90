import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A UDP client that keeps its socket, as resolvers do: asks at a steady pace until its standard input ends, and then says,
 * as JSON, how many questions it sent, how many were answered, by whom, and from elsewhere than it asked, and when for
 * how long no answer came, in ms since it was started. Arguments: ADDRESS PORT.
 */
const [address = '', port = ''] = process.argv.slice(2);
const PACE_MS = 2;
/** An answer that takes longer counts as none. */
const PATIENCE_MS = 2_000;

const report = { sent: 0, answered: 0, failed: 0, strange: 0, names: [] as string[], silence: { at: 0, ms: 0 } };
let answeredAt = 0;
const names = new Set<string>();
const socket = createSocket('udp4');
socket.on('message', (data, from) => {
  report.answered += 1;
  const now = Math.round(performance.now());
  if (now - answeredAt > report.silence.ms) report.silence = { at: answeredAt, ms: now - answeredAt };
  answeredAt = now;
  names.add(data.toString().split(' ')[0] ?? '');
  if (from.address !== address || from.port !== Number(port)) report.strange += 1;
});
socket.on('error', () => {
  report.failed += 1;
});
let isOver = false;
process.stdin.resume().on('end', () => {
  isOver = true;
});
while (!isOver) {
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
