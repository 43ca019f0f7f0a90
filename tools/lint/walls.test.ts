import { describe, expect, it } from 'vitest';
import { wallBetween } from './walls.ts';

describe('the walls between rooms', () => {
  it.each([
    ['net/addr.ts', 'base/index.ts'],
    ['policy/compile/rows.ts', 'policy/compile/flatten.ts'],
    ['policy/ask/oracle.ts', 'policy/settings.ts'],
    ['agent/modules.ts', 'datapath/index.ts'],
    ['api/metrics-server.ts', 'base/metrics.ts'],
    ['cli/commands/status.ts', 'cli/output/index.ts'],
    ['demonstration/stage/stage.ts', 'demonstration/errors.ts'],
    ['agent/upkeep/switchover.ts', 'agent/endpoints/index.ts'],
  ])('%s may import %s', (from, to) => {
    expect(wallBetween(from, to)).toBeUndefined();
  });

  it.each([
    ['base/clock.ts', 'net/index.ts', /base may not import net: base knows nothing/],
    ['policy/compile/rows.ts', 'datapath/index.ts', /policy\/compile may not import datapath/],
    ['policy/ask/oracle.ts', 'policy/compile/index.ts', /held against the oracle, which shares nothing/],
    ['kube/resources/policy.ts', 'policy/kinds/index.ts', /kube may not import policy\/kinds/],
    ['cli/commands/status.ts', 'agent/modules.ts', /cli may not import agent/],
    ['agent/modules.ts', 'datapath/kernel/libbpf.ts', /agent may not import datapath\/kernel/],
    ['agent/modules.ts', 'datapath/hidden.ts', /private to datapath: its index\.ts/],
    ['cli/run.ts', 'cli/output/table.ts', /private to cli\/output/],
    ['demonstration/stage/stage.ts', 'demonstration/acts/index.ts', /the stage knows no act/],
    ['agent/node/config.ts', 'agent/endpoints/index.ts', /what a node is follows from nobody/],
    ['nobody/knows.ts', 'base/index.ts', /nobody is no room yet/],
    ['agent/modules.ts', 'nobody/index.ts', /nobody is no room/],
  ])('%s may not import %s', (from, to, why) => {
    expect(wallBetween(from, to)).toMatch(why);
  });
});
