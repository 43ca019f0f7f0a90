import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TEST_TOKEN, TestServer } from '../../src/sandbox/apiserver/testkit.ts';
import { differences, missingEvents } from './compare.ts';
import { CASES, Contract } from './contract.ts';

describe('the sandbox’s API server answers as Kubernetes does', () => {
  let server: TestServer;
  let contract: Contract;

  beforeAll(async () => {
    server = await TestServer.start();
    const presented = { authorization: `Bearer ${TEST_TOKEN}` };
    contract = new Contract({
      server: new URL(server.url),
      insecure: false,
      credentials: { present: async () => presented, refresh: () => false },
      namespace: 'default',
    });
    await contract.open();
  });
  afterAll(async () => {
    await contract.close();
    await server[Symbol.asyncDispose]();
  });

  // One after the other: later ones use what earlier ones made.
  it.each(CASES.map((one) => [one.case, one] as const))('%s', async (_, one) => {
    expect(await contract.run(one)).toEqual([]);
  });
});

describe('an answer is compared', () => {
  it.each([
    [{ a: 1 }, { a: 1, b: 2 }, 0],
    [{ a: 1 }, { a: 2 }, 1],
    [{ a: null }, {}, 0],
    [{ a: null }, { a: 0 }, 1],
    [['/^x/'], ['xy'], 0],
    [['/^x/'], ['y'], 1],
    [[1], [1, 2], 1],
    [{ a: {} }, {}, 1],
  ])('%j with %j', (wanted, found, count) => {
    expect(differences(wanted, found)).toHaveLength(count);
  });

  it('and events by their order', () => {
    expect(missingEvents([{ t: 1 }, { t: 3 }], [{ t: 1 }, { t: 2 }, { t: 3 }])).toEqual([]);
    expect(missingEvents([{ t: 3 }, { t: 1 }], [{ t: 1 }, { t: 3 }])).toHaveLength(1);
  });
});
