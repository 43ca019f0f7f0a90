/** How to reach one API server and who we are to it. Everything is read; nothing is connected yet. */
export type KubeConnection = {
  /** `https://host:port` with an optional path, no trailing slash. */
  readonly server: URL;
  /** PEM, where `credentials` present none; absent: the system's authorities. */
  readonly ca?: string;
  /** True: the server's certificate is not verified. */
  readonly insecure: boolean;
  /** Name expected in the server's certificate instead of the host. */
  readonly serverName?: string;
  readonly credentials: Credentials;
  /** As whom to act, by the headers of impersonation; sent with every request. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Of the context, or of the service account; `default` when neither says. */
  readonly namespace: string;
};

/** PEM. */
export type ClientCertificate = { readonly cert: string; readonly key: string };

/** What one request shows of us. */
export type Presented = {
  /** Value of the Authorization header. */
  readonly authorization?: string;
  /** The same object as long as it is the same certificate. */
  readonly certificate?: ClientCertificate;
  /** PEM: by whom the server is to be signed now. */
  readonly ca?: string;
};

export type Credentials = {
  /** What to present now. E_KUBE_CONFIG, E_KUBE_EXEC_AUTH. */
  present(): Promise<Presented>;
  /** The server refused this: the next call reads anew. True when that can make a difference. */
  refresh(refused: Presented): boolean;
};
