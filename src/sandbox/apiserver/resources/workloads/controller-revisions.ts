import { dnsSubdomainFaults, invalid, required } from '../../../../model/index.ts';
import { equal, numberAt } from '../../json.ts';
import { ageColumn, column, nameColumn } from '../../print/columns.ts';
import { countColumn } from '../../print/workload-columns.ts';
import type { ResourceDefinition } from '../../resource.ts';
import { controllerRevision } from '../../schema/apps.ts';

/** What a workload was at one time, for a way back. */
export const controllerRevisions: ResourceDefinition = {
  group: 'apps',
  version: 'v1',
  resource: 'controllerrevisions',
  singular: 'controllerrevision',
  kind: 'ControllerRevision',
  namespaced: true,
  schema: controllerRevision,
  nameFaults: dnsSubdomainFaults,
  columns: [
    nameColumn,
    column('Controller', ({ metadata: { ownerReferences = [] } }) => {
      const keeper = ownerReferences.find((reference) => reference['controller'] === true);
      if (keeper === undefined) return '<none>';
      const group = keeper.apiVersion.includes('/') ? `.${keeper.apiVersion.split('/')[0]}` : '';
      return `${keeper.kind.toLowerCase()}${group}/${keeper.name}`;
    }),
    countColumn('Revision', 'revision'),
    ageColumn,
  ],
  validate: (object) => {
    const revision = numberAt(object, 'revision') ?? 0;
    const detail = 'must be greater than or equal to 0';
    return [
      ...(object['data'] === undefined ? [required('data', 'data is mandatory')] : []),
      ...(revision < 0 ? [invalid('revision', revision, detail)] : []),
    ];
  },
  validateUpdate: (next, old) =>
    equal(next['data'], old['data']) ? [] : [invalid('data', next['data'] ?? null, 'field is immutable')],
};
