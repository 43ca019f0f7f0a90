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

/** By error code; what is not here is a failure. */
export function exitCodeOf(code: string): number {
  if (code === 'E_API_UNREACHABLE' || code === 'E_CLI_NO_AGENT' || code === 'E_CLI_SEVERAL_AGENTS')
    return EXIT.unreachable;
  return code === 'E_CLI_USAGE' || code === 'E_API_REQUEST' || code === 'E_API_AMBIGUOUS' || code === 'E_ATTACK_UNKNOWN'
    ? EXIT.usage
    : EXIT.failure;
}
