/** The client's half of the protocol, which cni/membrane-cni.c speaks. */
import { CNI_TAKEN, type CniFrame } from './cni-protocol.ts';

export function encodeFrame(frame: CniFrame): Buffer {
  const env = Buffer.from([...frame.env].map(([key, value]) => `${key}=${value}\0`).join(''));
  const stdin = Buffer.from(frame.stdin);
  return Buffer.concat([Buffer.from(`MBRCNI/1 ${env.length} ${stdin.length}\n`), env, stdin]);
}

export function decodeAnswer(bytes: Buffer): { exitCode: number; stdout: string } {
  const text = bytes.toString('utf8').slice(CNI_TAKEN.length);
  const end = text.indexOf('\n');
  if (!/^\d{1,3}$/.test(text.slice(0, Math.max(0, end)))) throw new TypeError('an answer without an exit code');
  return { exitCode: Number(text.slice(0, end)), stdout: text.slice(end + 1) };
}
