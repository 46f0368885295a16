/** The list of an edit stack: the newest entry stands at the top, positions count from the oldest. */

export interface Entry {
	id: string;
	title: string;
	detail?: string | null;
	muted?: boolean | null;
	strength?: number | null;
	thumbnail?: number | null;
	color?: string | null;
}

/** From the newest to the oldest, as they are shown. */
export const shown = <E>(entries: readonly E[]): E[] => [...entries].reverse();

/** The position in the stack of the row at `row` from the top. */
export const position = (row: number, count: number): number => count - 1 - row;

/** Where the entry at `from` ends up when a person drags its row by `rows` downwards: a position in the stack. */
export const moved = (from: number, rows: number, count: number): number => Math.max(0, Math.min(count - 1, from - rows));

/** How far the other rows step aside while row `from` hovers over row `to`: −1 up, 1 down, 0 not at all. */
export function aside(row: number, from: number, to: number): number {
	if (row > from && row <= to) return -1;
	if (row < from && row >= to) return 1;
	return 0;
}

/** The lowest and the highest strength that an entry may have. */
export type Strengths = readonly [number, number];

/** A strength after a key: steps of 5 %, within these ends; null for every other key. */
export function strengthAfter(key: string, strength: number, [low, high]: Strengths = [0, 1]): number | null {
	const step = { ArrowLeft: -0.05, ArrowRight: 0.05 }[key];
	if (step === undefined) return null;
	return Math.max(low, Math.min(high, Math.round((strength + step) * 100) / 100));
}
