/** The end of a verifier log is what matters: the instruction it stopped at and the reason. */
export type LogSummary = { readonly lines: readonly string[]; readonly omitted: number };

const STATISTICS = /^(processed \d+ insns|verification time|stack depth)/;

/** The last `count` lines that say something. */
export function summariseLog(log: string, count = 12): LogSummary {
  const lines = log.split('\n').filter((line) => line.trim() !== '' && !STATISTICS.test(line));
  return { lines: lines.slice(-count), omitted: Math.max(0, lines.length - count) };
}
