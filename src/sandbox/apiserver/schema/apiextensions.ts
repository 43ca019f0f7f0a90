import { any, boolean, fields, int32, int64, list, listBy, string, strings, struct, time } from './dsl.ts';
import { objectFields } from './meta.ts';

const APIEXTENSIONS = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1';

const names = struct(
  `${APIEXTENSIONS}.CustomResourceDefinitionNames`,
  { ...fields(string, 'plural', 'singular', 'kind', 'listKind'), ...fields(strings, 'shortNames', 'categories') },
  { required: ['plural', 'kind'] },
);

const version = struct(
  `${APIEXTENSIONS}.CustomResourceDefinitionVersion`,
  {
    ...fields(string, 'name', 'deprecationWarning'),
    ...fields(boolean, 'served', 'storage', 'deprecated'),
    // A schema of schemas: what it says is read where it is used.
    schema: struct(`${APIEXTENSIONS}.CustomResourceValidation`, { openAPIV3Schema: any }),
    subresources: struct(`${APIEXTENSIONS}.CustomResourceSubresources`, {
      status: any,
      scale: struct(
        `${APIEXTENSIONS}.CustomResourceSubresourceScale`,
        fields(string, 'specReplicasPath', 'statusReplicasPath', 'labelSelectorPath'),
      ),
    }),
    additionalPrinterColumns: list(
      struct(`${APIEXTENSIONS}.CustomResourceColumnDefinition`, {
        ...fields(string, 'name', 'type', 'format', 'description', 'jsonPath'),
        priority: int32,
      }),
    ),
    selectableFields: list(struct(`${APIEXTENSIONS}.SelectableField`, { jsonPath: string })),
  },
  { required: ['name', 'served', 'storage'] },
);

export const customResourceDefinition = struct(
  `${APIEXTENSIONS}.CustomResourceDefinition`,
  {
    ...objectFields,
    spec: struct(
      `${APIEXTENSIONS}.CustomResourceDefinitionSpec`,
      {
        ...fields(string, 'group', 'scope'),
        names,
        versions: list(version),
        conversion: struct(`${APIEXTENSIONS}.CustomResourceConversion`, { strategy: string, webhook: any }),
        preserveUnknownFields: boolean,
      },
      { required: ['group', 'names', 'scope', 'versions'] },
    ),
    status: struct(`${APIEXTENSIONS}.CustomResourceDefinitionStatus`, {
      conditions: listBy(
        'type',
        struct(`${APIEXTENSIONS}.CustomResourceDefinitionCondition`, {
          ...fields(string, 'type', 'status', 'reason', 'message'),
          lastTransitionTime: time,
          observedGeneration: int64,
        }),
      ),
      acceptedNames: names,
      storedVersions: strings,
    }),
  },
  { required: ['spec'] },
);
