import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

const SERVER = `require('net').createServer((s) => s.pipe(s).on('error', () => {})).listen(PORT, () => console.log('up'))`;
/** A line every 20 ms; says each that came back, and how the connection ended. */
const CLIENT = `let n = 0; const s = require('net').connect(PORT, 'HOST', () => setInterval(() => s.write(++n + '\\n'), 20));
s.on('data', (d) => process.stdout.write(d)).on('error', (e) => console.log(e.code)).on('close', () => console.log('closed'))`;

function inNetns(netns: string, script: string): ChildProcess {
  return spawn('nsenter', [`--net=/run/netns/${netns}`, '--', process.execPath, '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** One TCP connection between two namespaces that talks all the time. */
export class TcpSession {
  readonly #server: ChildProcess;
  readonly #client: ChildProcess;
  #said = '';

  private constructor(server: ChildProcess, client: ChildProcess) {
    this.#server = server;
    this.#client = client;
    client.stdout?.on('data', (chunk: Buffer) => {
      this.#said += chunk.toString();
    });
  }

  static async open(options: { client: string; server: string; address: string; port: number }): Promise<TcpSession> {
    const server = inNetns(options.server, SERVER.replace('PORT', String(options.port)));
    await once(server.stdout ?? server, 'data');
    const script = CLIENT.replace('PORT', String(options.port)).replace('HOST', options.address);
    return new TcpSession(server, inNetns(options.client, script));
  }

  /** How many lines came back so far. */
  get echoed(): number {
    return this.#said.split('\n').filter((line) => /^\d+$/.test(line)).length;
  }

  get isBroken(): boolean {
    return /[A-Za-z]/.test(this.#said);
  }

  close(): void {
    this.#client.kill('SIGKILL');
    this.#server.kill('SIGKILL');
  }
}
