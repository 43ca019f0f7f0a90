import type { Duplex } from 'node:stream';
import type { ExecProcess } from './process.ts';

export type AttachOptions = {
  readonly container: string;
  readonly stdin: boolean;
  readonly tty: boolean;
};

export type ExecOptions = AttachOptions & { readonly command: readonly string[] };

/** What kubelets do for a client's streams. Each throws an `ApiError` for what cannot be had. */
export type PodStreams = {
  /** Starts a command in a container of a pod. */
  exec(namespace: string, name: string, options: ExecOptions): Promise<ExecProcess>;
  /** The streams of a container's own process; `kill` leaves it running. */
  attach(namespace: string, name: string, options: AttachOptions): Promise<ExecProcess>;
  /** Who connects, from within a pod, to a port of its loopback. Rejects with what the client is told. */
  dialer(namespace: string, name: string): Promise<(port: number) => Promise<Duplex>>;
};
