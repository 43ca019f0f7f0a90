/** One line of the demonstration: a claim and what became of it. Plain data: it goes over the wire as JSON. */
export type AttackLine = {
  /** `1.other-port`: the number of the attack and the variant. */
  readonly id: string;
  readonly claim: string;
  readonly tried: string;
  readonly expected: string;
  readonly seen: string;
  readonly held: boolean;
  /** It could not be tried, which shows nothing either way: `seen` says what failed. `held` is false. */
  readonly untried?: true;
  /** As the agent says: policy and rule, a default, or the drop reason with its counter. */
  readonly decidedBy: string;
};

export type Verdict = Pick<AttackLine, 'seen' | 'held' | 'decidedBy'>;

/** `1 packet`, `25 packets`, `1,000 rounds`. */
export function plural(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;
}

/** Parts that are empty are left out. */
export function joinSeen(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('; ');
}
