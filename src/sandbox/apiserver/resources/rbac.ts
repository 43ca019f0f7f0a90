import { type FieldError, invalid, notSupported, required } from '../../../model/index.ts';
import { equal, isObject, type Json, listAt, setDefault, stringAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { ageColumn, column, nameColumn } from '../print/columns.ts';
import type { ResourceDefinition } from '../resource.ts';
import { clusterRole, clusterRoleBinding, role, roleBinding } from '../schema/rbac.ts';

export const RBAC_GROUP = 'rbac.authorization.k8s.io';

/** As paths allow them: names of roles may have colons. */
function pathSegmentFaults(name: string): string[] {
  if (name === '.' || name === '..') return [`may not be '${name}'`];
  return ['/', '%'].filter((part) => name.includes(part)).map((part) => `may not contain '${part}'`);
}

function validateRules(isNamespaced: boolean) {
  return (object: KubeObject): FieldError[] =>
    listAt(object, 'rules').flatMap((rule, index) => {
      const field = `rules[${index}]`;
      const has = (key: string): boolean => listAt(rule, key).length > 0;
      const errors: FieldError[] = has('verbs')
        ? []
        : [required(`${field}.verbs`, 'verbs must contain at least one value')];
      if (has('nonResourceURLs')) {
        const urls = listAt(rule, 'nonResourceURLs');
        if (isNamespaced) {
          errors.push(invalid(`${field}.nonResourceURLs`, urls, 'namespaced rules cannot apply to non-resource URLs'));
        }
        if (has('apiGroups') || has('resources') || has('resourceNames')) {
          errors.push(
            invalid(
              `${field}.nonResourceURLs`,
              urls,
              'rules cannot apply to both regular resources and non-resource URLs',
            ),
          );
        }
        return errors;
      }
      if (!has('apiGroups'))
        errors.push(required(`${field}.apiGroups`, 'resource rules must supply at least one api group'));
      if (!has('resources'))
        errors.push(required(`${field}.resources`, 'resource rules must supply at least one resource'));
      return errors;
    });
}

const SUBJECT_KINDS = ['ServiceAccount', 'User', 'Group'];

function validateSubject(subject: Json, field: string, isNamespaced: boolean): FieldError[] {
  const kind = stringAt(subject, 'kind') ?? '';
  const name = stringAt(subject, 'name') ?? '';
  const group = stringAt(subject, 'apiGroup') ?? '';
  const wanted = kind === 'ServiceAccount' ? '' : RBAC_GROUP;
  if (!SUBJECT_KINDS.includes(kind)) return [notSupported(`${field}.kind`, kind, SUBJECT_KINDS)];
  const errors = name === '' ? [required(`${field}.name`)] : [];
  if (group !== wanted) errors.push(notSupported(`${field}.apiGroup`, group, [wanted]));
  if (kind === 'ServiceAccount' && !isNamespaced && (stringAt(subject, 'namespace') ?? '') === '') {
    errors.push(required(`${field}.namespace`));
  }
  return errors;
}

function validateBinding(isNamespaced: boolean) {
  const kinds = isNamespaced ? ['ClusterRole', 'Role'] : ['ClusterRole'];
  return (object: KubeObject): FieldError[] => {
    const kind = stringAt(object, 'roleRef', 'kind') ?? '';
    const group = stringAt(object, 'roleRef', 'apiGroup') ?? '';
    return [
      ...(group === RBAC_GROUP ? [] : [notSupported('roleRef.apiGroup', group, [RBAC_GROUP])]),
      ...(kinds.includes(kind) ? [] : [notSupported('roleRef.kind', kind, kinds)]),
      ...((stringAt(object, 'roleRef', 'name') ?? '') === '' ? [required('roleRef.name')] : []),
      ...listAt(object, 'subjects').flatMap((subject, index) =>
        validateSubject(subject, `subjects[${index}]`, isNamespaced),
      ),
    ];
  };
}

function setBindingDefaults(object: KubeObject): void {
  if (isObject(object['roleRef'])) setDefault(object['roleRef'], 'apiGroup', RBAC_GROUP);
  for (const subject of listAt(object, 'subjects')) {
    if (isObject(subject) && stringAt(subject, 'kind') !== 'ServiceAccount')
      setDefault(subject, 'apiGroup', RBAC_GROUP);
  }
}

const roleKept = (next: KubeObject, old: KubeObject): FieldError[] =>
  equal(next['roleRef'], old['roleRef']) ? [] : [invalid('roleRef', next['roleRef'], 'cannot change roleRef')];

const roleColumn = column(
  'Role',
  (object) => `${stringAt(object, 'roleRef', 'kind')}/${stringAt(object, 'roleRef', 'name')}`,
);

const subjectsColumn = (title: string, kind: string) =>
  column(
    title,
    (object) =>
      listAt(object, 'subjects')
        .filter((subject) => stringAt(subject, 'kind') === kind)
        .map((subject) =>
          kind === 'ServiceAccount'
            ? `${stringAt(subject, 'namespace') ?? ''}/${stringAt(subject, 'name')}`
            : (stringAt(subject, 'name') ?? ''),
        )
        .join(', '),
    { priority: 1 },
  );

const bindingColumns = [
  nameColumn,
  roleColumn,
  ageColumn,
  subjectsColumn('Users', 'User'),
  subjectsColumn('Groups', 'Group'),
  subjectsColumn('ServiceAccounts', 'ServiceAccount'),
];

const createdAt = column('Created At', (object) => object.metadata.creationTimestamp ?? '');

const common = { group: RBAC_GROUP, version: 'v1', nameFaults: pathSegmentFaults } as const;

export const roles: ResourceDefinition = {
  ...common,
  resource: 'roles',
  singular: 'role',
  kind: 'Role',
  namespaced: true,
  schema: role,
  columns: [nameColumn, createdAt],
  setDefaults: (object) => void (object['rules'] ??= []),
  validate: validateRules(true),
};

export const clusterRoles: ResourceDefinition = {
  ...common,
  resource: 'clusterroles',
  singular: 'clusterrole',
  kind: 'ClusterRole',
  namespaced: false,
  schema: clusterRole,
  columns: [nameColumn, createdAt],
  setDefaults: (object) => void (object['rules'] ??= []),
  validate: validateRules(false),
};

export const roleBindings: ResourceDefinition = {
  ...common,
  resource: 'rolebindings',
  singular: 'rolebinding',
  kind: 'RoleBinding',
  namespaced: true,
  schema: roleBinding,
  columns: bindingColumns,
  setDefaults: setBindingDefaults,
  validate: validateBinding(true),
  validateUpdate: roleKept,
};

export const clusterRoleBindings: ResourceDefinition = {
  ...common,
  resource: 'clusterrolebindings',
  singular: 'clusterrolebinding',
  kind: 'ClusterRoleBinding',
  namespaced: false,
  schema: clusterRoleBinding,
  columns: bindingColumns,
  setDefaults: setBindingDefaults,
  validate: validateBinding(false),
  validateUpdate: roleKept,
};
