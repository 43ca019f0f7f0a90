/** What the program tells its caller. Scripts rely on these numbers. */
export const EXIT = {
  good: 0,
  /** The question was answered, and the answer is no: a failed check, a denied trace. */
  no: 1,
  usage: 2,
  /** No agent, or it does not answer. */
  unreachable: 3,
  failure: 4,
} as const;

const UNREACHABLE = new Set(['E_API_UNREACHABLE', 'E_CLI_NO_AGENT', 'E_CLI_PERMISSION', 'E_CLI_SEVERAL_AGENTS']);
const USAGE = new Set([
  'E_CLI_USAGE',
  'E_CLI_FILE',
  'E_AGENT_PROPOSAL',
  'E_AGENT_TOO_MUCH',
  'E_API_REQUEST',
  'E_API_AMBIGUOUS',
  'E_ATTACK_UNKNOWN',
]);

/** By error code; what is not here is a failure. */
export function exitCodeOf(code: string): number {
  if (UNREACHABLE.has(code)) return EXIT.unreachable;
  return USAGE.has(code) ? EXIT.usage : EXIT.failure;
}
