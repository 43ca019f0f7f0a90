import { join } from 'node:path';
import type { Place, Scene } from './scene.ts';

/** What wrk saw of requests that each had a connection of their own. */
export type Load = { readonly requests: number; readonly failed: number; readonly says: string };

const PACED = join(import.meta.dirname, 'programs/paced.lua');
/** With two milliseconds between an answer and the next connection: at most 5,000 connections a second. */
const CLIENTS = 10;

/** New connections, one a request, for so many seconds. */
export async function load(scene: Scene, place: Place, target: string, seconds: number): Promise<Load> {
  const argv = ['wrk', '-t', '1', '-c', String(CLIENTS), '-d', `${seconds}s`, '--timeout', '5s', '-s', PACED];
  const { code, stdout, stderr } = await scene.run(
    place,
    [...argv, '-H', 'Connection: close', `http://${target}/`],
    (seconds + 30) * 1_000,
  );
  if (code !== 0) throw new Error(`wrk ended with ${code}: ${stderr || stdout}`);
  return loadOf(stdout);
}

/** wrk says nothing of errors when there were none. */
function loadOf(text: string): Load {
  const numbers = (pattern: RegExp): number[] => (pattern.exec(text)?.slice(1) ?? []).map(Number);
  const [requests = 0] = numbers(/(\d+) requests in/);
  const errors = numbers(/Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/);
  const [answers = 0] = numbers(/Non-2xx or 3xx responses: (\d+)/);
  const says = text
    .split('\n')
    .filter((line) => /Socket errors|Non-2xx/.test(line))
    .join(';');
  return { requests, failed: errors.reduce((sum, count) => sum + count, answers), says };
}

export function sum(loads: readonly Load[]): Load {
  return {
    requests: loads.reduce((all, { requests }) => all + requests, 0),
    failed: loads.reduce((all, { failed }) => all + failed, 0),
    says: loads.flatMap(({ says }) => (says === '' ? [] : [says])).join(' | '),
  };
}

/** First packets of connections that a pod had to send again: a loss that no client calls a failure. */
export async function repeatedSyns(scene: Scene, pod: string): Promise<number> {
  const { stdout } = await scene.run(pod, ['cat', '/proc/net/netstat']);
  const [names = [], values = []] = stdout
    .split('\n')
    .filter((line) => line.startsWith('TcpExt:'))
    .map((line) => line.split(' '));
  const index = names.indexOf('TCPSynRetrans');
  if (index < 0) throw new Error('the kernel does not count TCPSynRetrans');
  return Number(values[index]);
}
