import type { KubeObject } from '../object.ts';
import { apiVersionOf, type ResourceDefinition } from '../resource.ts';
import { type FieldSelector, matchesFields, metadataFields, parseFieldSelector } from '../selector/field-selector.ts';
import { type LabelSelector, matchesLabels, parseLabelSelector } from '../selector/label-selector.ts';
import type { EventType, StoredEvent } from '../storage/stored.ts';
import type { SelectOptions } from './options.ts';

/** Which objects of a resource a list or a watch is about. */
export class Selection {
  readonly definition: ResourceDefinition;
  readonly namespace: string | undefined;
  readonly #labels: LabelSelector;
  readonly #fields: FieldSelector;

  constructor(definition: ResourceDefinition, options: SelectOptions) {
    this.definition = definition;
    this.namespace = definition.namespaced ? options.namespace : '';
    this.#labels = parseLabelSelector(options.labelSelector ?? '');
    this.#fields = parseFieldSelector(
      options.fieldSelector ?? '',
      definition.selectableFields ?? metadataFields,
      apiVersionOf(definition),
      definition.kind,
    );
  }

  /** No selector: all objects of the namespace (or of all) match. */
  get everything(): boolean {
    return this.#labels.length === 0 && this.#fields.length === 0;
  }

  matches(object: KubeObject): boolean {
    if (!matchesLabels(this.#labels, object.metadata.labels)) return false;
    return (
      this.#fields.length === 0 ||
      matchesFields(this.#fields, this.definition.selectableFields ?? metadataFields, object)
    );
  }

  /**
   * What a change is to a watcher of this selection: an object that begins to match is added, one that stops is deleted.
   * `undefined`: nothing.
   */
  eventType(event: StoredEvent): EventType | undefined {
    if (this.namespace !== undefined && (event.current.object.metadata.namespace ?? '') !== this.namespace)
      return undefined;
    if (this.everything) return event.type;
    const before = event.previous !== undefined && this.matches(event.previous.object);
    const after = event.type !== 'DELETED' && this.matches(event.current.object);
    if (before) return after ? 'MODIFIED' : 'DELETED';
    return after ? 'ADDED' : undefined;
  }
}
