/** The rows of a unit grid: from columns to records, filtered and sorted. */
import { type Maybe, known } from "./format";

export interface Columns {
	unit?: number[];
	label?: (string | null)[];
	category?: (string | null)[];
	iou?: Maybe[];
	chance?: Maybe[];
	above?: (boolean | null)[];
	labelled?: (boolean | null)[];
	low?: Maybe[];
	high?: Maybe[];
	effect?: Maybe[];
	status?: (string | null)[];
}

export interface Row {
	unit: number;
	/** The best concept, also of a unit that is not labelled; "" when there is none. */
	label: string;
	category: string;
	iou: number | null;
	chance: number | null;
	low: number | null;
	high: number | null;
	effect: number | null;
	/** Whether the IoU lies above the chance level; null when that was not measured. */
	above: boolean | null;
	/** Whether the labelling rule accepts the label. */
	labelled: boolean;
	/** "ok", "dead" or "saturated". */
	status: string;
}

export type Sort = "iou" | "label" | "unit" | "effect";

export interface Filter {
	query: string;
	category: string;
	concepts: readonly string[];
}

/** The category filter that keeps the units without an accepted label. */
export const UNLABELLED = "unlabelled";

export function toRows(columns: Columns): Row[] {
	const number = (column: Maybe[] | undefined, i: number): number | null => {
		const value = column?.[i];
		return known(value) ? value : null;
	};
	return (columns.unit ?? []).map((unit, i) => {
		const label = columns.label?.[i] ?? "";
		return {
			unit,
			label,
			category: columns.category?.[i] ?? "",
			iou: number(columns.iou, i),
			chance: number(columns.chance, i),
			low: number(columns.low, i),
			high: number(columns.high, i),
			effect: number(columns.effect, i),
			above: columns.above?.[i] ?? null,
			labelled: label !== "" && (columns.labelled?.[i] ?? true),
			status: columns.status?.[i] ?? "ok",
		};
	});
}

/** Categories of the labelled rows, in alphabetical order. */
export function categories(rows: readonly Row[]): string[] {
	return [...new Set(rows.filter((row) => row.labelled && row.category).map((row) => row.category))].sort();
}

/** Keeps the rows that pass the category, the concepts and every word of the query ("tree", "17", "10-20"). */
export function filterRows(rows: readonly Row[], { query, category, concepts }: Filter): Row[] {
	const wanted = new Set(concepts);
	const tests = query.toLowerCase().split(/\s+/).filter(Boolean).map(word);
	return rows.filter(
		(row) =>
			(wanted.size === 0 || (row.labelled && wanted.has(row.label))) &&
			(category === "" || (category === UNLABELLED ? !row.labelled : row.labelled && row.category === category)) &&
			tests.every((test) => test(row)),
	);
}

function word(text: string): (row: Row) => boolean {
	if (/^\d+$/.test(text)) return (row) => row.unit === Number(text);
	const range = /^(\d+)[-–](\d+)$/.exec(text);
	if (range) return (row) => row.unit >= Number(range[1]) && row.unit <= Number(range[2]);
	return (row) => {
		const name = row.labelled ? row.label : UNLABELLED;
		return `${name} ${row.labelled ? row.category : ""} ${row.status}`.toLowerCase().includes(text);
	};
}

/** A sorted copy. Largest IoU or effect first; unknown values and unlabelled units last; ties by unit. */
export function sortRows(rows: readonly Row[], sort: Sort): Row[] {
	const down = (a: number | null, b: number | null): number =>
		(b ?? Number.NEGATIVE_INFINITY) === (a ?? Number.NEGATIVE_INFINITY)
			? 0
			: (b ?? Number.NEGATIVE_INFINITY) - (a ?? Number.NEGATIVE_INFINITY);
	const orders: Record<Sort, (a: Row, b: Row) => number> = {
		unit: () => 0,
		iou: (a, b) => down(a.iou, b.iou),
		effect: (a, b) => down(a.effect, b.effect),
		label: (a, b) =>
			Number(b.labelled) - Number(a.labelled) ||
			(a.labelled ? a.label.localeCompare(b.label) : 0) ||
			down(a.iou, b.iou),
	};
	return [...rows].sort((a, b) => orders[sort](a, b) || a.unit - b.unit);
}
