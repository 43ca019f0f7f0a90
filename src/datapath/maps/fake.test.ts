import { FakeMap } from './fake.ts';
import { describeTypedMap } from './map.contract.ts';

describeTypedMap('in memory', (spec, codecs) => new FakeMap(spec, codecs));
