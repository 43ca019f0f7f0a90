import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * What starts a whole sandbox or judges whole worlds goes first, so that at the end of a run no long file is left alone.
 * Otherwise vitest's own order: by what an earlier run took, else by size.
 */
export class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => group(a) - group(b) || length(b) - length(a));
  }
}

const group = ({ project }: TestSpecification): number => project.config.sequence.groupOrder;

/** A minute and more; three of them say nothing of it by their size, because their scenes are in files of their own. */
const LONGEST =
  /\/test\/scenarios\/(?:attacks\/demonstration|services\/(?:life|ways)|workloads\/(?:examples|pods)|agent\.kernel)\./;
const LONG =
  /\/test\/scenarios\/|\/src\/sandbox\/|\/bpf\/tests\/(?:policy_agreement|prefix_independence|drop_reasons)\./;

function length({ moduleId }: TestSpecification): number {
  return Number(LONG.test(moduleId)) + Number(LONGEST.test(moduleId));
}
