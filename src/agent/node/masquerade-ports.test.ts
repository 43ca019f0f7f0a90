import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  isReserved,
  MASQUERADE_PORTS,
  parsePorts,
  releaseMasqueradePorts,
  reservedPorts,
  reserveMasqueradePorts,
  UNRESERVED_PORTS,
} from './masquerade-ports.ts';

const log = pino({ level: 'silent' });
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'membrane-ports-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const file = (): string => join(root, 'ip_local_reserved_ports');

describe('reserving ports', () => {
  it.each([
    ['\n', '36864-65535'],
    ['8080,9000-9010\n', '8080,9000-9010,36864-65535'],
    ['36864-40000,50000\n', '36864-40000,50000,36864-65535'],
  ])('beside %j', (before, after) => {
    writeFileSync(file(), before);
    expect(reserveMasqueradePorts(log, root)).toEqual(MASQUERADE_PORTS);
    expect(readFileSync(file(), 'ascii')).toBe(after);
  });

  it('does nothing when they are', () => {
    writeFileSync(file(), '8080,30000-65535\n');
    expect(reserveMasqueradePorts(log, root)).toEqual(MASQUERADE_PORTS);
    expect(readFileSync(file(), 'ascii')).toBe('8080,30000-65535\n');
  });

  it('leaves it at few where the kernel has no such switch', () => {
    expect(reserveMasqueradePorts(log, join(root, 'missing'))).toEqual(UNRESERVED_PORTS);
    expect(reservedPorts(join(root, 'missing'))).toBeUndefined();
  });

  it.each([
    ['36864-65535', true],
    ['36864-50000,50001-65535', true],
    ['36864-50000,50002-65535', false],
    ['36865-65535', false],
    ['', false],
  ])('%j covers all: %j', (text, covered) => {
    expect(isReserved(parsePorts(text), MASQUERADE_PORTS)).toBe(covered);
  });
});

it.each([
  ['36864-65535\n', '\n'],
  ['8080,36864-65535\n', '8080\n'],
  ['9000,30000-65535\n', '9000,30000-36863\n'],
  ['8080\n', '8080\n'],
])('gives %j back', (before, after) => {
  writeFileSync(file(), before);
  releaseMasqueradePorts(root);
  expect(readFileSync(file(), 'ascii')).toBe(after);
});
