import { dnsSubdomainFaults, type FieldError, invalid } from '../../../model/index.ts';
import { type Json, numberAt, setDefault, stringAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { column, fieldColumn, nameColumn } from '../print/columns.ts';
import { age } from '../print/duration.ts';
import type { ResourceDefinition } from '../resource.ts';
import { event } from '../schema/core.ts';
import { metadataFields } from '../selector/field-selector.ts';

const text =
  (...path: string[]) =>
  (object: KubeObject) =>
    stringAt(object, ...path) ?? '';

function firstSeen(object: KubeObject): string | undefined {
  return stringAt(object, 'firstTimestamp') ?? stringAt(object, 'eventTime') ?? object.metadata.creationTimestamp;
}

function lastSeen(object: KubeObject): string | undefined {
  return stringAt(object, 'series', 'lastObservedTime') ?? stringAt(object, 'lastTimestamp') ?? firstSeen(object);
}

function validateEvent(object: KubeObject): FieldError[] {
  const namespace = stringAt(object, 'involvedObject', 'namespace') ?? '';
  // Events about cluster-scoped objects live in `default`.
  const expected = namespace === '' ? 'default' : namespace;
  if (object.metadata.namespace === expected || (namespace === '' && object.metadata.namespace === 'kube-system'))
    return [];
  return [invalid('involvedObject.namespace', namespace, 'does not match event.namespace')];
}

const source = (object: KubeObject): Json => {
  const component = stringAt(object, 'source', 'component') ?? stringAt(object, 'reportingComponent') ?? '';
  const host = stringAt(object, 'source', 'host') ?? '';
  return host === '' ? component : `${component}, ${host}`;
};

function involved(object: KubeObject): string {
  const kind = (stringAt(object, 'involvedObject', 'kind') ?? '').toLowerCase();
  const name = stringAt(object, 'involvedObject', 'name') ?? '';
  return name === '' ? kind : `${kind}/${name}`;
}

export const events: ResourceDefinition = {
  group: '',
  version: 'v1',
  resource: 'events',
  singular: 'event',
  kind: 'Event',
  namespaced: true,
  shortNames: ['ev'],
  schema: event,
  nameFaults: dnsSubdomainFaults,
  selectableFields: {
    ...metadataFields,
    'involvedObject.kind': text('involvedObject', 'kind'),
    'involvedObject.namespace': text('involvedObject', 'namespace'),
    'involvedObject.name': text('involvedObject', 'name'),
    'involvedObject.uid': text('involvedObject', 'uid'),
    'involvedObject.apiVersion': text('involvedObject', 'apiVersion'),
    'involvedObject.resourceVersion': text('involvedObject', 'resourceVersion'),
    'involvedObject.fieldPath': text('involvedObject', 'fieldPath'),
    reason: text('reason'),
    reportingComponent: text('reportingComponent'),
    source: text('source', 'component'),
    type: text('type'),
  },
  columns: [
    column('Last Seen', (object, now) => age(lastSeen(object), now)),
    fieldColumn('Type', ['type'], ''),
    fieldColumn('Reason', ['reason'], ''),
    column('Object', involved),
    fieldColumn('Subobject', ['involvedObject', 'fieldPath'], '', 1),
    column('Source', source, { priority: 1 }),
    column('Message', (object) => (stringAt(object, 'message') ?? '').trim()),
    column('First Seen', (object, now) => age(firstSeen(object), now), { priority: 1 }),
    column('Count', (object) => String(numberAt(object, 'series', 'count') ?? numberAt(object, 'count') ?? 1), {
      priority: 1,
    }),
    { ...nameColumn, priority: 1 },
  ],
  setDefaults: (object) => setDefault(object, 'type', 'Normal'),
  validate: validateEvent,
};
