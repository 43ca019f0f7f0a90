import http from 'node:http';
import https from 'node:https';
import { z } from 'zod';

export type ProbeTarget = { readonly host: string; readonly port: number };

/** How an API server treats somebody without credentials. */
export type ProbedApi = ProbeTarget & {
  readonly isTls: boolean;
  /** `v1.34.0`; empty when it does not tell strangers. */
  readonly version: string;
  /** Which of the paths that are no stranger's business it answered. */
  readonly open: readonly string[];
  /** It refused all of them for want of credentials. */
  readonly isGuarded: boolean;
};

export type ProbeOptions = {
  /** Of one request, from the connect to the last byte. */
  readonly timeoutMs: number;
  /** Ends all of them. */
  readonly signal: AbortSignal;
};

const MAX_BODY_BYTES = 16 * 1024;
/** Public by default are only /healthz, /livez, /readyz and /version (clusterrole system:public-info-viewer). */
const GUARDED = ['/api', '/api/v1/namespaces?limit=1'];

const versionSchema = z.object({ gitVersion: z.string().max(64), major: z.string(), minor: z.string() });
/** What an API server says of itself, of namespaces, or to somebody whom it does not let in. */
const kindSchema = z.object({ kind: z.enum(['APIVersions', 'NamespaceList', 'Status']) });

type Answer = { readonly status: number; readonly json: unknown };

/** Asks one port whether an API server is behind it, and what it tells strangers; undefined: something else is there. */
export async function probeApi(target: ProbeTarget, options: ProbeOptions): Promise<ProbedApi | undefined> {
  for (const isTls of [false, true]) {
    const ask = async (path: string): Promise<Answer | undefined> => await request(target, { isTls, path, ...options });
    const answer = await ask('/version');
    if (answer === undefined) continue;
    const parsed = versionSchema.safeParse(answer.json);
    const version = answer.status === 200 && parsed.success ? parsed.data.gitVersion : '';
    if (version === '' && !isApiAnswer(answer)) continue;
    const open: string[] = [];
    let refused = 0;
    for (const path of GUARDED) {
      const guarded = await ask(path);
      if (guarded?.status === 401 || guarded?.status === 403) refused += 1;
      if (guarded !== undefined && guarded.status === 200 && isApiAnswer(guarded)) open.push(path);
    }
    return { ...target, isTls, version, open, isGuarded: refused === GUARDED.length };
  }
  return undefined;
}

function isApiAnswer({ json }: Answer): boolean {
  return kindSchema.safeParse(json).success;
}

/** Undefined: nobody answered, or not with JSON. */
async function request(
  { host, port }: ProbeTarget,
  { isTls, path, timeoutMs, signal }: ProbeOptions & { readonly isTls: boolean; readonly path: string },
): Promise<Answer | undefined> {
  const { promise, resolve } = Promise.withResolvers<Answer | undefined>();
  const both = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const headers = { accept: 'application/json', 'user-agent': 'membrane-doctor' };
  const options = { host, port, path, headers, agent: false, signal: both } as const;
  // Nothing secret is sent: whoever answers is only asked what he tells everybody.
  const sent = isTls ? https.request({ ...options, rejectUnauthorized: false }) : http.request(options);
  sent.on('error', () => resolve(undefined));
  sent.on('close', () => resolve(undefined));
  sent.on('response', (response) => {
    const chunks: Buffer[] = [];
    let size = 0;
    response.on('error', () => resolve(undefined));
    response.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) sent.destroy();
      else chunks.push(chunk);
    });
    response.on('end', () => {
      const json = parseJson(Buffer.concat(chunks).toString());
      resolve(json === undefined ? undefined : { status: response.statusCode ?? 0, json });
    });
  });
  sent.end();
  return await promise;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
