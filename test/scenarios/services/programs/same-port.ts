import { createSocket } from 'node:dgram';
import { connect } from 'node:net';

/**
 * A client that uses each of its ports for all targets at once: opens them in this order, each when the one before it has
 * answered, keeps them, and asks all again in the end. Prints, as JSON, the answers of each target: `open` and `kept`.
 * Arguments: tcp|udp OWN_ADDRESS FIRST_PORT COUNT ADDRESS:PORT...
 */
const [kind, own = '', first = '', count = '', ...targets] = process.argv.slice(2);
const PATIENCE_MS = 4_000;

type Client = { readonly ask: () => Promise<string> };

function client(localPort: number, host: string, port: number): Client {
  let heard: (text: string) => void = () => undefined;
  let send: () => void;
  if (kind === 'tcp') {
    const socket = connect({ host, port, localPort, localAddress: own });
    socket.on('data', (data) => heard(data.toString().trim()));
    socket.on('error', (error) => heard(error.message));
    send = () => void socket.write('hello\n');
  } else {
    const socket = createSocket({ type: 'udp4', reuseAddr: true });
    socket.on('message', (data) => heard(data.toString()));
    socket.on('error', (error) => heard(error.message));
    const isConnected = new Promise<void>((resolve) => {
      socket.bind(localPort, own, () => socket.connect(port, host, resolve));
    });
    send = () => void isConnected.then(() => socket.send('hello'));
  }
  const ask = async (): Promise<string> => {
    const { promise, resolve } = Promise.withResolvers<string>();
    heard = resolve;
    const timer = setTimeout(resolve, PATIENCE_MS, 'silence');
    send();
    const text = await promise;
    clearTimeout(timer);
    return text;
  };
  return { ask };
}

const answers = targets.map(() => ({ open: [] as string[], kept: [] as string[] }));
const ports = Array.from({ length: Number(count) }, (_, i) => Number(first) + i);

const opened = await Promise.all(
  ports.map(async (localPort) => {
    const clients: Client[] = [];
    for (const [i, target] of targets.entries()) {
      const [host = '', port] = target.split(':');
      const one = client(localPort, host, Number(port));
      answers[i]?.open.push(await one.ask());
      clients.push(one);
    }
    return clients;
  }),
);
// One target after the other: 300 datagrams at once are more than a socket's receive buffer holds.
for (const [i, { kept }] of answers.entries()) {
  await Promise.all(opened.map(async (clients) => kept.push((await clients[i]?.ask()) ?? 'no client')));
}
process.stdout.write(JSON.stringify(answers));
process.exit(0);
