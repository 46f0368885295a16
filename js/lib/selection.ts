/** Which units are selected: clicks, ranges and rectangles as pure steps from one selection to the next. */

export interface Selection {
	readonly units: ReadonlySet<number>;
	/** Where a range starts; null before the first choice. */
	readonly anchor: number | null;
}

export const EMPTY: Selection = { units: new Set(), anchor: null };

/** The selected units in ascending order, as the `selected` trait holds them. */
export const ascending = (selection: Selection): number[] => [...selection.units].sort((a, b) => a - b);

/** A plain click: only this unit; a click on the only selected unit clears. */
export function only(selection: Selection, unit: number): Selection {
	const alone = selection.units.size === 1 && selection.units.has(unit);
	return { units: alone ? new Set() : new Set([unit]), anchor: unit };
}

/** Ctrl or Cmd click, Space, the box of a card: this unit in or out. */
export function toggle(selection: Selection, unit: number): Selection {
	const units = new Set(selection.units);
	if (!units.delete(unit)) units.add(unit);
	return { units, anchor: unit };
}

/** Shift: everything between the anchor and this unit in the shown order; with `keep` added to what is selected. */
export function range(selection: Selection, unit: number, order: readonly number[], keep = false): Selection {
	const start = selection.anchor === null ? -1 : order.indexOf(selection.anchor);
	const end = order.indexOf(unit);
	if (end < 0) return selection;
	const from = start < 0 ? end : start;
	const between = order.slice(Math.min(from, end), Math.max(from, end) + 1);
	return { units: new Set([...(keep ? selection.units : []), ...between]), anchor: order[from] ?? unit };
}

/** A rectangle drawn over cards; with `keep` added to what was selected when the drag began. */
export function rectangle(before: Selection, inside: readonly number[], keep: boolean): Selection {
	return { units: new Set([...(keep ? before.units : []), ...inside]), anchor: inside[0] ?? before.anchor };
}

/** "Select all shown": what is hidden stays as it was. */
export function all(selection: Selection, shown: readonly number[]): Selection {
	return { units: new Set([...selection.units, ...shown]), anchor: selection.anchor };
}
