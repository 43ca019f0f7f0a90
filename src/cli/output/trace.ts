import type { TraceView } from '../../api/index.ts';
import { escapeText } from './escape.ts';
import type { Output } from './output.ts';

/** The verdict on one line, then who decided in each direction; `before` begins each line. */
export async function printTrace(out: Output, trace: TraceView, before = ''): Promise<void> {
  const allowed = allowedIn(out);
  const end = ({ name, identity }: TraceView['from']) => `${escapeText(name)} (identity ${identity})`;
  const port = trace.port === undefined ? '' : `/${trace.port}`;
  await out.line(
    `${before}${allowed(trace.verdict)}  ${end(trace.from)} -> ${end(trace.to)}  ${escapeText(trace.protocol)}${port}`,
  );
  await printSteps(out, trace.steps, before);
  for (const [then, how] of [
    [trace.proposed, 'with the proposed policies'],
    [trace.staged, 'once the staged policies are enforced'],
  ] as const) {
    if (then === undefined) continue;
    await out.line(`${before}${allowed(then.verdict)}  ${how}`);
    await printSteps(out, then.steps, before);
  }
}

async function printSteps(out: Output, steps: TraceView['steps'], before: string): Promise<void> {
  const allowed = allowedIn(out);
  for (const step of steps) {
    await out.line(
      `${before}  ${(step.service === undefined ? step.direction : 'service').padEnd(8)} ${allowed(step.verdict)}  ${escapeText(step.reason)}`,
    );
    const rule = [step.policy, step.rule].filter((part) => part !== undefined).join(' ');
    if (rule !== '') await out.line(`${before}           by ${escapeText(rule)}`);
    const { pending } = step;
    if (pending !== undefined) {
      await out.line(`${before}           once written: ${allowed(pending.verdict)}  ${escapeText(pending.reason)}`);
    }
    const miss = step.nearestMiss;
    if (miss !== undefined) {
      await out.line(
        `${before}           nearest: ${escapeText(`${miss.policy} ${miss.rule}`)}, but ${escapeText(miss.because)}`,
      );
    }
  }
}

function allowedIn(out: Output) {
  return (verdict: string) => out.tone(verdict === 'allowed' ? 'good' : 'bad', verdict);
}
