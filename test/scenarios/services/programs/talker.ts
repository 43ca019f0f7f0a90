import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

/**
 * A client that keeps its socket: sends every line that it reads and prints what comes back, a line each: `answer TEXT from
 * ADDRESS:PORT`, `error CODE`, `closed`. Arguments: tcp|udp|udp6|udp-connected ADDRESS PORT.
 */
const [kind, address = '', portText] = process.argv.slice(2);
const port = Number(portText);
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const lines = createInterface({ input: process.stdin });

function opening(): (line: string) => void {
  if (kind === 'tcp') {
    const socket = connect({ host: address, port });
    const peer = (): string => `${socket.remoteAddress}:${socket.remotePort}`;
    socket.on('connect', () => say('open'));
    socket.on('data', (data) => say(`answer ${data.toString().trim()} from ${peer()}`));
    socket.on('error', (error: NodeJS.ErrnoException) => say(`error ${error.code}`));
    socket.on('close', () => say('closed'));
    return (line) => void socket.write(`${line}\n`);
  }
  const socket = createSocket(kind === 'udp6' ? 'udp6' : 'udp4');
  socket.on('message', (data, from) => say(`answer ${data.toString()} from ${from.address}:${from.port}`));
  socket.on('error', (error: NodeJS.ErrnoException) => say(`error ${error.code}`));
  const told = (error: Error | null): void => {
    if (error !== null) say(`error ${(error as NodeJS.ErrnoException).code}`);
  };
  if (kind === 'udp-connected') {
    socket.connect(port, address, () => say('open'));
    return (line) => socket.send(line, told);
  }
  socket.bind(0, () => say('open'));
  return (line) => socket.send(line, port, address, told);
}

const send = opening();
lines.on('line', send);
lines.on('close', () => process.exit(0));
