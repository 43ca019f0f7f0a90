import { describe, expect, it } from 'vitest';
import { MapRoom } from './map-room.ts';

const room = () => new MapRoom({ sizes: { rows: 100, peers: 10 }, kept: 1 / 10 });
const all = () => true;
const none = () => false;

describe('MapRoom', () => {
  it('takes all or nothing, and says what was missing', () => {
    const maps = room();
    maps.take({ rows: 50, peers: 5 }, none);
    expect(() => maps.take({ rows: 10, peers: 5 }, none)).toThrow(
      /peers: 5 of 9 entries are in use, 5 more are needed/,
    );
    expect([maps.used('rows'), maps.used('peers')]).toEqual([50, 5]);
  });

  it('keeps the last part for what is small, map by map', () => {
    const maps = room();
    maps.take({ rows: 90, peers: 9 }, none);
    expect(() => maps.take({ rows: 1, peers: 0 }, none)).toThrow(/90 of 90/);
    expect(() => maps.take({ rows: 1, peers: 1 }, (map) => map === 'rows')).toThrow(/peers/);
    maps.take({ rows: 10, peers: 1 }, all);
    expect(() => maps.take({ rows: 1, peers: 0 }, all)).toThrow(/100 of 100/);
    maps.take({ rows: 0, peers: 0 }, none);
  });

  it('counts what is there already, and as freed only what was deleted', () => {
    const maps = room();
    maps.hold({ rows: 95, peers: 0 });
    maps.take({ rows: 5, peers: 2 }, all);
    maps.cancel({ rows: 5, peers: 2 });
    expect([maps.used('rows'), maps.used('peers'), maps.freed]).toEqual([95, 0, 0]);
    maps.give({ rows: 3, peers: 0 });
    expect([maps.used('rows'), maps.freed]).toEqual([92, 3]);
  });
});
