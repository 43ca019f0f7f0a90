import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A UDP client that keeps its socket, as resolvers do: asks at a steady pace until its standard input ends, and then says,
 * as JSON, how many questions it sent, how many were answered, by whom, and from elsewhere than it asked, and when for
 * how long no answer came, in ms since it was started. Arguments: ADDRESS PORT.
 *
 * It goes on while an answer is missing, but not for ever: a socket's receive buffer holds 277 datagrams (212,992 bytes,
 * of which even a small one takes 768), and what three clients ask of a server that gets no processor for 0.3 s is more.
 */
const [address = '', port = ''] = process.argv.slice(2);
const PACE_MS = 2;
/** Of this many clients at once, as many as fit into one server's receive buffer. */
const MOST_UNANSWERED = 64;
/** An answer that takes longer counts as none. */
const PATIENCE_MS = 30_000;

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
const unanswered = (): number => report.sent - report.answered;
while (!isOver) {
  await sleep(PACE_MS);
  if (unanswered() >= MOST_UNANSWERED) continue;
  report.sent += 1;
  socket.send('who?', Number(port), address, (error) => {
    if (error !== null) report.failed += 1;
  });
}
const deadline = performance.now() + PATIENCE_MS;
while (unanswered() > 0 && performance.now() < deadline) await sleep(PACE_MS);
report.names = [...names].toSorted();
process.stdout.write(`${JSON.stringify(report)}\n`);
socket.close();
