import { describeTypedMap } from './map.contract.ts';
import { FakeMap } from './testkit.ts';

describeTypedMap('in memory', (spec, codecs) => new FakeMap(spec, codecs));
