import type { JsonObject } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { type IncludeObject, tableOf } from '../print/table.ts';
import { apiVersionOf, type ResourceDefinition } from '../resource.ts';
import type { Stored, StoredEvent } from '../storage/stored.ts';
import { shownObject } from '../store/watch.ts';
import type { Form } from './negotiate.ts';

export type ListMetadata = { resourceVersion: string; continue?: string; remainingItemCount?: number };

function partial(object: KubeObject, version: string): JsonObject {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata: object.metadata };
}

/**
 * An item of a list. Of a kind that is built in it says neither kind nor apiVersion, which the list says for all; items of
 * custom kinds carry both. Source: API conventions, "Lists and Simple kinds"; kubernetes/kubernetes#3030.
 */
function itemJson(definition: ResourceDefinition, stored: Stored): string {
  if (definition.custom === true) return stored.json;
  return JSON.stringify({ ...stored.object, kind: undefined, apiVersion: undefined });
}

export function presentObject(definition: ResourceDefinition, object: KubeObject, form: Form, now: number): string {
  switch (form.as) {
    case 'json':
      return JSON.stringify(object);
    case 'partial':
      return JSON.stringify(partial(object, form.version));
    case 'table': {
      const { resourceVersion = '' } = object.metadata;
      const metadata = { resourceVersion };
      return JSON.stringify(tableOf(definition, [object], metadata, { ...form, now, withColumns: true }));
    }
  }
}

export function presentList(
  definition: ResourceDefinition,
  items: readonly Stored[],
  metadata: ListMetadata,
  form: Form,
  now: number,
): string {
  const objects = (): KubeObject[] => items.map((stored) => stored.object);
  switch (form.as) {
    case 'json': {
      const head = JSON.stringify({ kind: `${definition.kind}List`, apiVersion: apiVersionOf(definition), metadata });
      return `${head.slice(0, -1)},"items":[${items.map((stored) => itemJson(definition, stored)).join(',')}]}`;
    }
    case 'partial':
      return JSON.stringify({
        kind: 'PartialObjectMetadataList',
        apiVersion: `meta.k8s.io/${form.version}`,
        metadata,
        items: objects().map((object) => partial(object, form.version)),
      });
    case 'table':
      return JSON.stringify(tableOf(definition, objects(), metadata, { ...form, now, withColumns: true }));
  }
}

/** Makes the lines of one watch. Lines that do not depend on the watcher are shared by all. */
export class EventPresenter {
  readonly #definition: ResourceDefinition;
  readonly #form: Form;
  readonly #now: () => number;
  #columnsSent = false;

  constructor(definition: ResourceDefinition, form: Form, now: () => number) {
    this.#definition = definition;
    this.#form = form;
    this.#now = now;
  }

  initial(stored: Stored): string | Buffer {
    const body = this.#form.as === 'json' ? stored.json : this.#body(stored.object);
    return `{"type":"ADDED","object":${body}}\n`;
  }

  change(type: StoredEvent['type'], event: StoredEvent): string | Buffer {
    const form = this.#form;
    if (form.as !== 'table') {
      return event.line(`${form.as} ${type}`, () => {
        const shown = shownObject(type, event);
        const body =
          form.as === 'json'
            ? shown === event.current.object
              ? event.current.json
              : JSON.stringify(shown)
            : this.#body(shown);
        return `{"type":"${type}","object":${body}}\n`;
      });
    }
    return `{"type":"${type}","object":${this.#body(shownObject(type, event))}}\n`;
  }

  bookmark(resourceVersion: string, initialEventsEnd: boolean): string {
    const metadata: JsonObject = {
      resourceVersion,
      creationTimestamp: null,
      ...(initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
    };
    const object: JsonObject = { kind: this.#definition.kind, apiVersion: apiVersionOf(this.#definition), metadata };
    const form = this.#form;
    let body: JsonObject = object;
    if (form.as === 'partial') body = partial(object as KubeObject, form.version);
    if (form.as === 'table') {
      const row = {
        cells: this.#definition.columns.map(() => null),
        object: partial(object as KubeObject, form.version),
      };
      body = {
        kind: 'Table',
        apiVersion: `meta.k8s.io/${form.version}`,
        metadata: { resourceVersion },
        columnDefinitions: null,
        rows: [row],
      };
    }
    return `{"type":"BOOKMARK","object":${JSON.stringify(body)}}\n`;
  }

  #body(object: KubeObject): string {
    const form = this.#form;
    if (form.as === 'partial') return JSON.stringify(partial(object, form.version));
    if (form.as === 'json') return JSON.stringify(object);
    const withColumns = !this.#columnsSent;
    this.#columnsSent = true;
    const metadata = { resourceVersion: object.metadata.resourceVersion ?? '' };
    const include: IncludeObject = form.include;
    return JSON.stringify(
      tableOf(this.#definition, [object], metadata, { version: form.version, include, now: this.#now(), withColumns }),
    );
  }
}
