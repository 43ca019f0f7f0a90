/** How to reach one API server and who we are to it. Everything is read; nothing is connected yet. */
export type KubeConnection = {
  /** `https://host:port` with an optional path, no trailing slash. */
  readonly server: URL;
  /** PEM; absent: the system's authorities. */
  readonly ca?: string;
  /** True: the server's certificate is not verified. */
  readonly insecure: boolean;
  /** Name expected in the server's certificate instead of the host. */
  readonly serverName?: string;
  /** Client certificate and key, PEM. */
  readonly cert?: string;
  readonly key?: string;
  readonly credentials: Credentials;
  /** Of the context, or of the service account; `default` when neither says. */
  readonly namespace: string;
};

export type Credentials = {
  /** Value of the Authorization header, or undefined for none. */
  authorization(): Promise<string | undefined>;
  /** The server refused what we sent: the next call reads anew. True when that can make a difference. */
  refresh(): boolean;
};
