/** `npm run api-contract -- --kubeconfig FILE`: does that server answer as cases.yaml says? Exits with 1 when not. */
import { parseArgs } from 'node:util';
import { findConnection } from '../../src/kube/index.ts';
import { CASES, Contract } from './contract.ts';

const { values } = parseArgs({ options: { kubeconfig: { type: 'string' } } });
const contract = new Contract(findConnection({ kubeconfig: values.kubeconfig }));
let failed = 0;
await contract.open();
try {
  for (const one of CASES) {
    const wrong = await contract.run(one);
    if (wrong.length > 0) failed += 1;
    console.log(
      [`${wrong.length === 0 ? 'same' : 'DIFFERENT'}  ${one.case}`, ...wrong.map((line) => `  ${line}`)].join('\n'),
    );
  }
} finally {
  await contract.close();
}
console.log(`${CASES.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
