import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * What starts a whole sandbox or judges whole worlds goes first, so that at the end of a run no long file is left alone.
 * Otherwise vitest's own order: by what an earlier run took, else by size.
 */
export class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => group(a) - group(b) || Number(isLong(b)) - Number(isLong(a)));
  }
}

const group = ({ project }: TestSpecification): number => project.config.sequence.groupOrder;

const isLong = ({ moduleId }: TestSpecification): boolean =>
  /\/test\/scenarios\/|\/src\/sandbox\/|\/bpf\/tests\/(?:policy_agreement|prefix_independence|drop_reasons)\./.test(
    moduleId,
  );
