/** Cells of a matrix: their range, colours and sizes, and the moves of the keys. */
import { viridis } from "./colour";
import { known, type Maybe } from "./format";
import { opened, type Range, readable, span, withZero } from "./scale";

export type Colours = "sequential" | "diverging";

/** A cell by its position; -1 is the row or the column of the headers. */
export interface Cell {
	row: number;
	column: number;
}

export const ROW = 26; // height of a row [px]
const LABELLED = 42; // height of the names above when the corner says what rows and columns are [px]
const NARROWEST = 26; // width of a cell [px]
const LETTER = 6.6; // [px]

/** What the two ends of the colours mean: the given limits, else the values; diverging ones are symmetric around zero. */
export function cellRange(values: readonly (readonly Maybe[])[], limits: readonly Maybe[], colours: Colours): Range {
	const [low, high] = withZero(span(values.flat()) ?? [0, 0]);
	const range: Range = [known(limits[0]) ? limits[0] : low, known(limits[1]) ? limits[1] : high];
	if (colours === "sequential") return opened(range);
	const furthest = Math.max(...range.map(Math.abs)) || 1;
	return [-furthest, furthest];
}

type Triple = readonly [number, number, number];

const MIDDLE: Record<"light" | "dark", Triple> = { light: [246, 246, 247], dark: [40, 42, 47] };
const LOSS: Record<"light" | "dark", Triple> = { light: [213, 94, 0], dark: [239, 138, 60] };
const GAIN: Record<"light" | "dark", Triple> = { light: [0, 114, 178], dark: [86, 180, 233] };

/** The colour of a value and the colour of a text on it. */
export function cellColours(value: number, [low, high]: Range, colours: Colours, theme: "light" | "dark"): { fill: string; ink: string } {
	const t = Math.max(0, Math.min(1, (value - low) / (high - low)));
	const fill = colours === "sequential" ? viridis(t) : mix(MIDDLE[theme], (t < 0.5 ? LOSS : GAIN)[theme], Math.abs(2 * t - 1));
	return { fill, ink: luminance(fill) > 0.19 ? "#101216" : "#ffffff" };
}

function mix(from: Triple, to: Triple, share: number): string {
	return `rgb(${from.map((channel, i) => Math.round(channel + ((to[i] as number) - channel) * share)).join(" ")})`;
}

/** Relative luminance as contrast is computed with. */
function luminance(colour: string): number {
	const [r, g, b] = (colour.match(/[\d.]+/g) ?? []).map((text) => {
		const channel = Number(text) / 255;
		return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
	}) as [number, number, number];
	return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** How all cells are written: one number of decimals, percent without its sign (the legend says it). */
export function cellTexts(values: readonly (readonly Maybe[])[], percent: boolean, signed: boolean): (value: Maybe) => string {
	const factor = percent ? 100 : 1;
	const furthest = Math.max(...(span(values.flat()) ?? [0, 0]).map(Math.abs)) * factor;
	const whole = values.every((row) => row.every((value) => !known(value) || Number.isInteger(value * factor)));
	const digits = whole || furthest >= 100 ? 0 : furthest >= 1 ? 1 : Math.max(0, 1 - Math.floor(Math.log10(furthest)));
	if (furthest >= 1e6 || digits > 4) return (value) => (known(value) ? readable(value * factor, false, signed) : "");
	return (value) => {
		if (!known(value)) return "";
		const text = Math.abs(value * factor).toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
		const sign = Number(text) === 0 ? "" : value < 0 ? "−" : signed ? "+" : "";
		return sign + text;
	};
}

export interface MatrixLayout {
	/** Width of the names at the left [px]. */
	head: number;
	/** Width of a cell [px]. */
	cell: number;
	/** Height of the names above [px]. */
	top: number;
	/** The names above run upwards. */
	upright: boolean;
	/** Cells have room for their numbers. */
	numbers: boolean;
}

/** Sizes that fit `width` for numbers of so many `letters`; cells never get too narrow, they scroll instead. */
export function matrixLayout(width: number, rows: readonly string[], columns: readonly string[], letters: number, labelled: boolean): MatrixLayout {
	const widest = (names: readonly string[]): number => Math.max(0, ...names.map((name) => name.length)) * LETTER;
	const head = Math.round(Math.max(48, Math.min(widest(rows) + 30, width * 0.34, 200)));
	const most = Math.max(56, Math.min(widest(columns) + 28, 120));
	const cell = Math.max(NARROWEST, Math.min(most, Math.floor((width - head - 2) / Math.max(1, columns.length))));
	const upright = widest(columns) + 12 > cell;
	const top = upright ? Math.round(Math.min(132, widest(columns) + 24)) : labelled ? LABELLED : ROW;
	return { head, cell, top, upright, numbers: letters * LETTER + 6 <= cell };
}

/** Rows [first, last) that are in view, with some more on both sides. */
export function rowsInView(scrollTop: number, height: number, count: number, more = 6): [number, number] {
	const first = Math.floor(scrollTop / ROW) - more;
	const last = Math.ceil((scrollTop + height) / ROW) + more;
	return [Math.max(0, Math.min(first, count)), Math.max(0, Math.min(last, count))];
}

/** Where a key leads in a grid with headers; null for every other key. The empty corner is never reached. */
export function moveCell(pressed: string, { row, column }: Cell, rows: number, columns: number, toEnd: boolean, page = 10): Cell | null {
	const moves: Record<string, Cell> = {
		ArrowLeft: { row, column: column - 1 },
		ArrowRight: { row, column: column + 1 },
		ArrowUp: { row: row - 1, column },
		ArrowDown: { row: row + 1, column },
		Home: { row: toEnd ? 0 : row, column: 0 },
		End: { row: toEnd ? rows - 1 : row, column: columns - 1 },
		PageUp: { row: Math.max(0, row - page), column },
		PageDown: { row: row + page, column },
	};
	const to = moves[pressed];
	if (!to) return null;
	const inside = { row: Math.max(-1, Math.min(rows - 1, to.row)), column: Math.max(-1, Math.min(columns - 1, to.column)) };
	return inside.row === -1 && inside.column === -1 ? { row, column } : inside;
}
