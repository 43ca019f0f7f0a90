import { createHash } from 'node:crypto';
import { isMembraneError } from '../base/index.ts';
import type { ObjectProblem, ObjectSubject } from '../cluster/index.ts';
import type { KubeClient } from './client.ts';

export type ObjectEvent = { readonly metadata: { readonly name: string; readonly namespace: string } };

/** Where events on an object are written: those on cluster-wide ones have a place of their own. */
export const eventPlace = ({ namespace }: ObjectSubject): string => (namespace === '' ? 'default' : namespace);

/** What is wrong with an object as an event on it. Its name follows from what it says: all who say one thing say it once. */
export function eventOn(
  subject: ObjectSubject,
  { reason, message, isNormal = false }: ObjectProblem,
  { host, now }: { readonly host: string; readonly now: number },
): ObjectEvent {
  const { namespace, name, uid, ...type } = subject;
  const digest = createHash('sha256').update(`${uid} ${reason} ${message}`).digest('hex').slice(0, 16);
  const at = `${new Date(now).toISOString().slice(0, 19)}Z`;
  const event = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${name.slice(0, 200)}.${digest}`, namespace: eventPlace(subject) },
    involvedObject: { ...type, ...(namespace === '' ? {} : { namespace }), name, uid },
    type: isNormal ? 'Normal' : 'Warning',
    reason,
    message: message.slice(0, 1_000),
    source: { component: 'membrane', host },
    firstTimestamp: at,
    lastTimestamp: at,
    count: 1,
  };
  return event;
}

/** Events as objects of the API. */
export class EventObjects {
  readonly #client: Pick<KubeClient, 'request'>;

  constructor(client: Pick<KubeClient, 'request'>) {
    this.#client = client;
  }

  /** Throws what the request does. */
  async say(event: ObjectEvent): Promise<void> {
    const path = `/api/v1/namespaces/${encodeURIComponent(event.metadata.namespace)}/events`;
    try {
      await this.#client.request({ method: 'POST', path, body: event });
    } catch (error) {
      // Somebody else said it before.
      if (!isMembraneError(error, 'E_KUBE_CONFLICT')) throw error;
    }
  }
}
