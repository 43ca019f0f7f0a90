import { signal } from '@preact/signals';
import type { Row } from '../../src/ui/messages.ts';

/** The row whose card is open: what was chosen stays, whatever comes and goes. */
export const selected = signal<Row | undefined>(undefined);

export function select(row: Row | undefined): void {
  selected.value = row;
}
