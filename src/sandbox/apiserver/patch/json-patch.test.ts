import { describe, expect, it } from 'vitest';
import type { Json } from '../json.ts';
import { applyJsonPatch } from './json-patch.ts';

const document = () => ({ list: ['a', 'b', 'c'], labels: { x: '1' } });
const patched = (...operations: Json[]) => applyJsonPatch(document(), operations);

describe('applyJsonPatch', () => {
  it.each<[Json, Json]>([
    [
      { op: 'add', path: '/list/-', value: 'd' },
      { ...document(), list: ['a', 'b', 'c', 'd'] },
    ],
    [
      { op: 'add', path: '/list/0', value: 'd' },
      { ...document(), list: ['d', 'a', 'b', 'c'] },
    ],
    [
      { op: 'replace', path: '/list/1', value: 'd' },
      { ...document(), list: ['a', 'd', 'c'] },
    ],
    [
      { op: 'move', from: '/list/0', path: '/list/2' },
      { ...document(), list: ['b', 'c', 'a'] },
    ],
    [
      { op: 'copy', from: '/labels', path: '/more' },
      { ...document(), more: { x: '1' } },
    ],
    [
      { op: 'add', path: '/labels/constructor', value: 'y' },
      { ...document(), labels: { x: '1', constructor: 'y' } },
    ],
    [
      { op: 'add', path: '/labels/a~1b~0c', value: 'y' },
      { ...document(), labels: { x: '1', 'a/b~c': 'y' } },
    ],
    [{ op: 'replace', path: '', value: {} }, {}],
  ])('%j', (operation, expected) => {
    expect(patched(operation)).toEqual(expected);
  });

  // What an object or an array of the language has is no member of the document.
  it.each<[Json]>([
    [{ op: 'remove', path: '/list/length' }],
    [{ op: 'replace', path: '/list/length', value: 4_294_967_295 }],
    [{ op: 'replace', path: '/list/-', value: 'd' }],
    [{ op: 'remove', path: '/list/01' }],
    [{ op: 'remove', path: '/list/1e0' }],
    [{ op: 'move', from: '/list/0', path: '/list/99' }],
    [{ op: 'add', path: '/list/4', value: 'd' }],
    [{ op: 'copy', from: '/labels/toString', path: '/labels/y' }],
    [{ op: 'remove', path: '/labels/constructor' }],
    [{ op: 'test', path: '/labels/constructor', value: { x: '1' } }],
    [{ op: 'add', path: '/labels/__proto__', value: 'y' }],
    [{ op: 'move', from: '/labels', path: '/labels/inner' }],
  ])('refuses %j', (operation) => {
    expect(() => patched(operation)).toThrow();
  });

  it('leaves the document that it was given as it was', () => {
    const given = document();
    expect(() =>
      applyJsonPatch(given, [
        { op: 'remove', path: '/list/0' },
        { op: 'remove', path: '/none' },
      ]),
    ).toThrow();
    expect(given).toEqual(document());
  });

  it('refuses copies that grow a document without end', () => {
    const operations: Json[] = [{ op: 'add', path: '/0', value: 'x'.repeat(1_000) }];
    for (let i = 0; i < 40; i += 1) operations.push({ op: 'copy', from: '', path: `/${i + 1}` });
    expect(() => patched(...operations)).toThrow('accumulated size');
  });
});
