import type { TraceView } from '../../api/index.ts';
import { escapeText } from './escape.ts';
import type { Output } from './output.ts';

/** The verdict on one line, then who decided in each direction. */
export async function printTrace(out: Output, trace: TraceView): Promise<void> {
  const allowed = (verdict: string) => out.tone(verdict === 'allowed' ? 'good' : 'bad', verdict);
  const end = ({ name, identity }: TraceView['from']) => `${escapeText(name)} (identity ${identity})`;
  const port = trace.port === undefined ? '' : `/${trace.port}`;
  await out.line(
    `${allowed(trace.verdict)}  ${end(trace.from)} -> ${end(trace.to)}  ${escapeText(trace.protocol)}${port}`,
  );
  for (const step of trace.steps) {
    await out.line(`  ${step.direction.padEnd(8)} ${allowed(step.verdict)}  ${escapeText(step.reason)}`);
    const rule = [step.policy, step.rule].filter((part) => part !== undefined).join(' ');
    if (rule !== '') await out.line(`           by ${escapeText(rule)}`);
    const miss = step.nearestMiss;
    if (miss !== undefined) {
      await out.line(
        `           nearest: ${escapeText(`${miss.policy} ${miss.rule}`)}, but ${escapeText(miss.because)}`,
      );
    }
  }
}
