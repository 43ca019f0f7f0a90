import { expect, test } from 'vitest';
import type { Attributes } from './attributes.ts';
import { allows, cover, type Rule, ruleOf } from './rules.ts';

const rule = (rest: object): Rule => ruleOf({ verbs: ['get'], apiGroups: [''], resources: ['pods'], ...rest });

const asked = (rest: Partial<Extract<Attributes, { resource: string }>>): Attributes => ({
  verb: 'get',
  group: '',
  version: 'v1',
  resource: 'pods',
  subresource: '',
  namespace: 'a',
  name: 'x',
  ...rest,
});

test.each<[string, object, object, boolean]>([
  ['what it says', {}, {}, true],
  ['another verb', {}, { verb: 'list' }, false],
  ['any verb', { verbs: ['*'] }, { verb: 'list' }, true],
  ['another group', {}, { group: 'apps' }, false],
  ['any group', { apiGroups: ['*'] }, { group: 'apps' }, true],
  ['a subresource is not its resource’s', {}, { subresource: 'log' }, false],
  ['a subresource by its name', { resources: ['pods/log'] }, { subresource: 'log' }, true],
  ['and not the resource', { resources: ['pods/log'] }, {}, false],
  ['a subresource of all', { resources: ['*/scale'] }, { resource: 'deployments', subresource: 'scale' }, true],
  ['everything is all subresources, too', { resources: ['*'] }, { subresource: 'exec' }, true],
  ['a name', { resourceNames: ['x'] }, {}, true],
  ['another name', { resourceNames: ['y'] }, {}, false],
  ['a name, and all are asked for', { resourceNames: ['x'] }, { name: '', verb: 'get' }, false],
  ['names have no wildcard', { resourceNames: ['*'] }, {}, false],
])('%s', (_what, having, wish, allowed) => {
  expect(allows(rule(having), asked(wish))).toBe(allowed);
});

test.each<[string[], string, boolean]>([
  [['/healthz'], '/healthz', true],
  [['/healthz'], '/healthz/x', false],
  [['/apis/*'], '/apis/apps', true],
  [['/apis/*'], '/apis', false],
  [['*'], '/anything', true],
])('paths: %j and %s', (nonResourceURLs, path, allowed) => {
  expect(allows(ruleOf({ verbs: ['get'], nonResourceURLs }), { verb: 'get', path })).toBe(allowed);
});

test.each<[string, object, object, boolean]>([
  ['the same', {}, {}, true],
  ['fewer verbs', { verbs: ['get', 'list'] }, { verbs: ['get'] }, true],
  ['more verbs', { verbs: ['get'] }, { verbs: ['get', 'list'] }, false],
  ['any verb of one', { verbs: ['get'] }, { verbs: ['*'] }, false],
  ['all of what is named', { resources: ['pods'] }, { resources: ['pods', 'secrets'] }, false],
  ['all of one that has names', { resourceNames: ['x'] }, {}, false],
  ['names of one that has all', {}, { resourceNames: ['x', 'y'] }, true],
  ['any group of one', {}, { apiGroups: ['*'] }, false],
  ['subresources of all', { resources: ['*'] }, { resources: ['pods/exec'] }, true],
])('is covered: %s', (_what, own, wanted, covered) => {
  expect(cover([rule(own)], rule(wanted))).toBe(covered);
});
