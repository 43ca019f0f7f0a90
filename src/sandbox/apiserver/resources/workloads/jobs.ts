import {
  dnsLabelFaults,
  dnsSubdomainFaults,
  type FieldError,
  forbiddenField,
  invalid,
  notSupported,
  required,
} from '../../../../model/index.ts';
import { at, ensureObject, equal, type Json, listAt, numberAt, objectAt, setDefault, stringAt } from '../../json.ts';
import type { KubeObject } from '../../object.ts';
import { ageColumn, column, isTrue, nameColumn } from '../../print/columns.ts';
import { humanDuration } from '../../print/duration.ts';
import { containerColumns, selectorColumn } from '../../print/workload-columns.ts';
import type { ResourceDefinition } from '../../resource.ts';
import { job } from '../../schema/batch.ts';
import { selectorHolds } from '../../selector/object-selector.ts';
import { notNegative } from '../../validate/numbers.ts';
import { unselected, validateTemplate } from '../../validate/pod-template.ts';
import { clearStatus, setTemplateDefaults } from './pod-template.ts';

const UID = 'batch.kubernetes.io/controller-uid';
const NAME = 'batch.kubernetes.io/job-name';

/** A job finds its pods by its own uid, unless somebody wants to select them by hand. */
function addSelector(object: KubeObject): void {
  const spec = ensureObject(object, 'spec');
  if (spec['manualSelector'] === true) return;
  const { name, uid = '' } = object.metadata;
  const metadata = ensureObject(ensureObject(spec, 'template'), 'metadata');
  Object.assign(ensureObject(metadata, 'labels'), {
    'controller-uid': uid,
    'job-name': name,
    [UID]: uid,
    [NAME]: name,
  });
  const labels = ensureObject(ensureObject(spec, 'selector'), 'matchLabels');
  labels[UID] = uid;
}

function setJobDefaults(object: KubeObject): void {
  const spec = ensureObject(object, 'spec');
  if (spec['completions'] === undefined && spec['parallelism'] === undefined) spec['completions'] = 1;
  setDefault(spec, 'parallelism', 1);
  setDefault(spec, 'backoffLimit', 6);
  setDefault(spec, 'completionMode', 'NonIndexed');
  setDefault(spec, 'suspend', false);
  setDefault(spec, 'podReplacementPolicy', 'TerminatingOrFailed');
  if (object.metadata.labels === undefined) {
    const labels = objectAt(spec, 'template', 'metadata', 'labels');
    if (labels !== undefined) object.metadata.labels = structuredClone(labels) as Record<string, string>;
  }
  setTemplateDefaults(object);
}

const COUNTS = ['parallelism', 'completions', 'backoffLimit', 'activeDeadlineSeconds', 'ttlSecondsAfterFinished'];
const UNSUPPORTED = ['podFailurePolicy', 'successPolicy', 'backoffLimitPerIndex', 'maxFailedIndexes', 'managedBy'];
const MODES = ['Indexed', 'NonIndexed'];
const POLICIES = ['OnFailure', 'Never'];

function validateJob(object: KubeObject): FieldError[] {
  const spec = objectAt(object, 'spec');
  const policy = stringAt(spec, 'template', 'spec', 'restartPolicy');
  const field = 'spec.template.spec.restartPolicy';
  const errors = [
    ...notNegative(spec, 'spec', ...COUNTS),
    ...validateTemplate(at(spec, 'template'), 'spec.template', {
      kind: 'Job',
      restartPolicies: [...POLICIES, 'Always'],
    }),
    ...(policy === 'Always' ? [required(field, 'valid values: "OnFailure", "Never"')] : []),
    ...validateUnsupported(spec),
    ...validateIndexed(object),
  ];
  if (spec?.['selector'] === undefined) errors.push(required('spec.selector'));
  else if (errors.length === 0 && spec !== undefined) {
    const labels = objectAt(spec, 'template', 'metadata', 'labels') as Record<string, string> | undefined;
    if (!selectorHolds(spec['selector'], labels)) errors.push(unselected(spec));
  }
  return errors;
}

/** The last of its pods has the longest host name, which must be a label. */
function validateIndexed(object: KubeObject): FieldError[] {
  if (stringAt(object, 'spec', 'completionMode') !== 'Indexed') return [];
  const completions = numberAt(object, 'spec', 'completions');
  if (completions === undefined) return [required('spec.completions', 'when completion mode is Indexed')];
  const last = `${object.metadata.name}-${Math.max(completions, 1) - 1}`;
  return dnsLabelFaults(last).map((fault) => invalid('metadata.name', last, fault));
}

function validateUnsupported(spec: Json | undefined): FieldError[] {
  const mode = stringAt(spec, 'completionMode') ?? '';
  const errors = UNSUPPORTED.filter((key) => at(spec, key) !== undefined).map((key) =>
    forbiddenField(`spec.${key}`, 'not supported by the Membrane sandbox'),
  );
  if (!MODES.includes(mode)) errors.push(notSupported('spec.completionMode', mode, MODES));
  const replacement = stringAt(spec, 'podReplacementPolicy') ?? '';
  const policies = ['Failed', 'TerminatingOrFailed'];
  if (!policies.includes(replacement)) errors.push(notSupported('spec.podReplacementPolicy', replacement, policies));
  return errors;
}

const FIXED = ['completions', 'selector', 'template', 'completionMode', 'manualSelector'];

function validateJobUpdate(next: KubeObject, old: KubeObject): FieldError[] {
  return FIXED.filter((key) => !equal(at(next, 'spec', key), at(old, 'spec', key))).map((key) =>
    invalid(`spec.${key}`, at(next, 'spec', key) ?? null, 'field is immutable'),
  );
}

const STATUS_WORDS: readonly (readonly [string, string])[] = [
  ['Complete', 'Complete'],
  ['Failed', 'Failed'],
  ['Suspended', 'Suspended'],
  ['FailureTarget', 'FailureTarget'],
  ['SuccessCriteriaMet', 'SuccessCriteriaMet'],
];

function statusWord(object: KubeObject): string {
  const types = listAt(object, 'status', 'conditions')
    .filter(isTrue)
    .map((condition) => stringAt(condition, 'type'));
  const found = STATUS_WORDS.find(([type]) => types.includes(type))?.[1];
  const isOver = found === 'Complete' || found === 'Failed';
  return object.metadata.deletionTimestamp !== undefined && !isOver ? 'Terminating' : (found ?? 'Running');
}

function completions(object: KubeObject): string {
  const done = numberAt(object, 'status', 'succeeded') ?? 0;
  const wanted = numberAt(object, 'spec', 'completions');
  if (wanted !== undefined) return `${done}/${wanted}`;
  const parallelism = numberAt(object, 'spec', 'parallelism') ?? 0;
  return parallelism > 1 ? `${done}/1 of ${parallelism}` : `${done}/1`;
}

function duration(object: KubeObject, now: number): string {
  const start = stringAt(object, 'status', 'startTime');
  const end = stringAt(object, 'status', 'completionTime');
  return start === undefined ? '' : humanDuration((end === undefined ? now : Date.parse(end)) - Date.parse(start));
}

export const jobs: ResourceDefinition = {
  group: 'batch',
  version: 'v1',
  resource: 'jobs',
  singular: 'job',
  kind: 'Job',
  namespaced: true,
  categories: ['all'],
  schema: job,
  status: true,
  generation: true,
  orphansByDefault: true,
  nameFaults: dnsSubdomainFaults,
  columns: [
    nameColumn,
    column('Status', statusWord),
    column('Completions', completions),
    column('Duration', duration),
    ageColumn,
    ...containerColumns(),
    selectorColumn,
  ],
  setDefaults: setJobDefaults,
  prepareCreate: (object) => {
    clearStatus()(object);
    addSelector(object);
  },
  validate: validateJob,
  validateUpdate: validateJobUpdate,
};
