import { z } from 'zod';
import { AtOnce } from '../base/index.ts';
import type { KubeClient } from './client.ts';
import { kubeErrors } from './errors.ts';

/** A user as the API server knows him. */
export type KubeUser = {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
};

/** `resourceAttributes` of a SubjectAccessReview. */
export type KubeAccess = {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  /** `''`: all. */
  readonly namespace: string;
  readonly name: string;
};

const accessAnswer = z.object({ status: z.object({ allowed: z.boolean(), denied: z.boolean().optional() }) });
const tokenAnswer = z.object({
  status: z.object({
    authenticated: z.boolean().optional(),
    user: z
      .object({
        username: z.string().default(''),
        uid: z.string().optional(),
        groups: z.array(z.string()).nullish(),
        extra: z.record(z.string(), z.array(z.string())).nullish(),
      })
      .optional(),
  }),
});

const TIMEOUT_MS = 5_000;
/** Anybody who reaches a port can show a token, and what it costs is the API server's attention to all that we ask it. */
const TOKENS_AT_ONCE = 8;

/** Asks the API server who somebody is, and what he may. */
export class Reviews {
  readonly #client: Pick<KubeClient, 'request'>;
  readonly #tokens = new AtOnce(TOKENS_AT_ONCE);

  constructor(client: Pick<KubeClient, 'request'>) {
    this.#client = client;
  }

  /** E_KUBE_*: nobody answered, or not in a way that can be understood. */
  async mayAccess(user: KubeUser, access: KubeAccess, signal?: AbortSignal): Promise<boolean> {
    const { name, uid, groups, extra } = user;
    const spec = {
      user: name,
      groups,
      ...(uid === undefined ? {} : { uid }),
      ...(extra === undefined ? {} : { extra }),
      resourceAttributes: access,
    };
    const answer = await this.#review('authorization.k8s.io', 'SubjectAccessReview', spec, signal);
    const read = accessAnswer.safeParse(answer);
    if (!read.success) throw kubeErrors.make('E_KUBE_RESPONSE', { detail: 'a SubjectAccessReview says nothing' });
    return read.data.status.allowed && read.data.status.denied !== true;
  }

  /** Whose token it is; undefined: nobody's, or not any more. E_KUBE_*. */
  async ofToken(token: string, signal?: AbortSignal): Promise<KubeUser | undefined> {
    const answer = await this.#tokens.run(
      async () => await this.#review('authentication.k8s.io', 'TokenReview', { token }, signal),
    );
    const read = tokenAnswer.safeParse(answer);
    if (!read.success) throw kubeErrors.make('E_KUBE_RESPONSE', { detail: 'a TokenReview says nothing' });
    const { authenticated, user } = read.data.status;
    if (authenticated !== true || user === undefined || user.username === '') return undefined;
    const { username: name, uid, groups, extra } = user;
    return {
      name,
      ...(uid === undefined ? {} : { uid }),
      groups: groups ?? [],
      ...(extra === undefined || extra === null ? {} : { extra }),
    };
  }

  async #review(group: string, kind: string, spec: object, signal: AbortSignal | undefined): Promise<unknown> {
    return await this.#client.request({
      method: 'POST',
      path: `/apis/${group}/v1/${kind.toLowerCase()}s`,
      body: { apiVersion: `${group}/v1`, kind, spec },
      timeoutMs: TIMEOUT_MS,
      ...(signal === undefined ? {} : { signal }),
    });
  }
}
