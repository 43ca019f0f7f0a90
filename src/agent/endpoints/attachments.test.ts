import { expect, test } from 'vitest';
import { silentLogger } from '../../base/index.ts';
import { FakeClock } from '../../base/testkit.ts';
import { podRow } from '../../cluster/samples.ts';
import { parseCniRequest } from '../../endpoint/index.ts';
import { recordOf } from '../../plane/testkit.ts';
import { agentErrors } from '../errors.ts';
import { Attachments, type AttachmentsOptions } from './attachments.ts';

const record = recordOf(7, podRow('web'));

/** A node on whose state directory nothing can be written any more. */
function fullNode() {
  const did: string[] = [];
  const noting = (what: string) => () => {
    did.push(what);
  };
  const options = {
    words: { clear: noting('closed') },
    endpoints: {
      ofAttachment: () => ({ record }),
      transition: () => undefined,
      remove: noting('forgotten'),
    },
    local: { get: () => ({ endpoint: record.id }), remove: noting('address taken back') },
    netdev: { deleteLink: async () => noting('device deleted')() },
    programs: { detach: async () => noting('programs detached')() },
    namespaces: { remove: () => undefined },
    accounts: { forget: () => undefined },
    addressing: { release: noting('address released') },
    changed: { emit: () => undefined },
    state: {
      putEndpoint: () => {
        throw agentErrors.make('E_AGENT_STATE', { detail: 'ENOSPC' });
      },
      deleteEndpoint: noting('record deleted'),
    },
    clock: new FakeClock(1),
    log: silentLogger,
  };
  return { did, attachments: new Attachments(options as unknown as AttachmentsOptions) };
}

test('a pod goes where nothing can be written: it is closed first, and nothing of it stays', async () => {
  const { did, attachments } = fullNode();
  const { containerId, ifname } = record.attachment;
  const request = parseCniRequest({
    env: new Map([
      ['CNI_COMMAND', 'DEL'],
      ['CNI_CONTAINERID', containerId],
      ['CNI_IFNAME', ifname],
    ]),
    stdin: '{"cniVersion":"1.0.0","name":"membrane"}',
  });
  expect((await attachments.handle(request)).exitCode).toBe(0);
  expect(did).toEqual([
    'closed',
    'address taken back',
    'device deleted',
    'programs detached',
    'record deleted',
    'forgotten',
    'address released',
  ]);
});
