import type { Json, JsonObject } from '../json.ts';
import type { KubeObject } from '../object.ts';
import type { ResourceDefinition } from '../resource.ts';

/** What comes with each row: the metadata (kubectl's default), the whole object, or nothing. */
export type IncludeObject = 'Metadata' | 'Object' | 'None';

export type TableOptions = {
  readonly version: string;
  readonly include: IncludeObject;
  /** ms since the epoch, for ages. */
  readonly now: number;
  /** In a watch only the first event carries the column definitions. */
  readonly withColumns: boolean;
};

/** The server-side printed form (`meta.k8s.io` Table) of some objects. */
export function tableOf(
  definition: ResourceDefinition,
  objects: readonly KubeObject[],
  metadata: JsonObject,
  options: TableOptions,
): JsonObject {
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${options.version}`,
    metadata,
    columnDefinitions: options.withColumns ? columnDefinitions(definition) : null,
    rows: objects.map((object) => row(definition, object, options)),
  };
}

function columnDefinitions(definition: ResourceDefinition): Json {
  return definition.columns.map(({ name, type, format, description, priority }) => ({
    name,
    type,
    format: format ?? '',
    description,
    priority: priority ?? 0,
  }));
}

function row(definition: ResourceDefinition, object: KubeObject, options: TableOptions): Json {
  const cells = definition.columns.map((column) => column.value(object, options.now));
  switch (options.include) {
    case 'None':
      return { cells };
    case 'Object':
      return { cells, object };
    case 'Metadata':
      return {
        cells,
        object: {
          kind: 'PartialObjectMetadata',
          apiVersion: `meta.k8s.io/${options.version}`,
          metadata: object.metadata,
        },
      };
  }
}
