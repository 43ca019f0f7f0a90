import { describe, expect, it } from 'vitest';
import type { IpcacheRow } from '../cluster/index.ts';
import { MAP_SPECS } from '../datapath/index.ts';
import { FakeMap, ipcacheCodecs } from '../datapath/maps/testkit.ts';
import { identityId } from '../model/index.ts';
import { type Addr, Prefix } from '../net/index.ts';
import { IpcacheReconciler } from './ipcache-reconciler.ts';

type Moved = readonly Addr[] | 'all';

const rows = (...entries: [string, number][]): Map<string, IpcacheRow> =>
  new Map(
    entries.map(([text, id]) => [
      text,
      { prefix: Prefix.parse(text), value: { identity: identityId(id), cidrIdentity: identityId(0), tunnel: null } },
    ]),
  );

function small(maxEntries: number) {
  const map = new FakeMap({ ...MAP_SPECS.ipcache, maxEntries }, ipcacheCodecs);
  const reconciler = new IpcacheReconciler(map);
  const held = async () =>
    Object.fromEntries((await map.entries()).map(([prefix, { identity }]) => [prefix.toString(), identity]));
  return { map, reconciler, held };
}

/** Which addresses get another owner, said before anything is written. */
async function moved(reconciler: IpcacheReconciler, desired: ReadonlyMap<string, IpcacheRow>): Promise<Moved> {
  let said: Moved = [];
  const texts = [first, second, desired].flatMap((rows) => [...rows.keys()]);
  const changes = new Map(texts.map((text) => [text, desired.get(text)]));
  const book = { changes: () => changes, desired: () => desired };
  await reconciler.reconcile(book, { unsettle: (addrs) => (said = addrs) });
  return said;
}

const first = rows(['10.0.0.0/8', 1], ['10.1.0.0/16', 2], ['::/0', 3]);
const second = rows(['11.0.0.0/8', 4], ['11.1.0.0/16', 5], ['::/0', 3]);

describe('IpcacheReconciler', () => {
  it('writes differences only, and says whose owner changes', async () => {
    const { reconciler, held } = small(8);
    expect(await moved(reconciler, first)).toBe('all');
    expect(await moved(reconciler, first)).toEqual([]);
    expect(await held()).toEqual({ '10.0.0.0/8': 1, '10.1.0.0/16': 2, '::/0': 3 });
    expect(await moved(reconciler, second)).toBe('all');
    expect(await held()).toEqual({ '11.0.0.0/8': 4, '11.1.0.0/16': 5, '::/0': 3 });
  });

  it('makes room by what is not desired any more when there is none', async () => {
    const { reconciler, held } = small(3);
    await moved(reconciler, first);
    expect(await moved(reconciler, second)).toBe('all');
    expect(await held()).toEqual({ '11.0.0.0/8': 4, '11.1.0.0/16': 5, '::/0': 3 });
  });

  it('leaves nothing of an attempt that found no room', async () => {
    const { reconciler, held } = small(3);
    const many = rows(['10.0.0.0/8', 1], ['10.1.0.0/16', 2], ['10.1.1.0/24', 3], ['10.1.1.1/32', 4]);
    await expect(moved(reconciler, many)).rejects.toMatchObject({ code: 'E_DATAPATH_MAP_FULL' });
    await moved(reconciler, second);
    expect(await held()).toEqual({ '11.0.0.0/8': 4, '11.1.0.0/16': 5, '::/0': 3 });
  });
});
