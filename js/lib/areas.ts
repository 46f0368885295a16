/** Where the columns of area bars are: amounts on a logarithmic axis above, relative changes below; nothing here draws. */
import { known, type Maybe } from "./format";
import type { Range, Scale } from "./scale";

export interface AreaBar {
	key: string;
	label?: string | null;
	group?: string | null;
	area: number | null;
	other?: number | null;
	change?: number | null;
	low?: number | null;
	high?: number | null;
	verdict?: string | null;
}

export interface AreaColumn {
	bar: AreaBar;
	/** Left edge of the bar and its middle [px]. */
	x: number;
	middle: number;
	width: number;
}

export interface AreaLayout {
	columns: AreaColumn[];
	pitch: number;
	width: number;
	area: Scale;
	change: Scale;
	/** Top and bottom of the two axes [px]. */
	upper: Range;
	lower: Range;
	height: number;
}

const [HEAD, UPPER, GAP, LOWER] = [22, 96, 40, 176];
const EDGE = 14; // room at both ends, so that the first slanted name is not cut off [px]
/** Room for slanted names below the columns [px]. */
export const LABELS = 78;

const inside = (value: number, [low, high]: Range): number => Math.max(low, Math.min(high, value));

/** Columns side by side; wider than `width` when they would get narrower than `least`. */
export function areaLayout(bars: readonly AreaBar[], width: number, areas: Range, changes: Range, least = 22, most = 56): AreaLayout {
	const pitch = Math.max(least, Math.min(most, bars.length > 0 ? (width - 2 * EDGE) / bars.length : most));
	const thick = Math.max(8, Math.round(pitch * 0.62));
	const upper = [HEAD, HEAD + UPPER] as const;
	const lower = [upper[1] + GAP, upper[1] + GAP + LOWER] as const;
	const [from, to] = [Math.log(areas[0]), Math.log(areas[1])];
	return {
		columns: bars.map((bar, i) => {
			const middle = EDGE + (i + 0.5) * pitch;
			return { bar, x: middle - thick / 2, middle, width: thick };
		}),
		pitch,
		width: Math.max(width, bars.length * pitch + 2 * EDGE),
		area: (value) => upper[1] - ((Math.log(inside(value, areas)) - from) / (to - from)) * UPPER,
		change: (value) => lower[1] - ((inside(value, changes) - changes[0]) / (changes[1] - changes[0])) * LOWER,
		upper,
		lower,
		height: lower[1] + LABELS,
	};
}

/** Powers of ten in a range: (0.01, 50) → [0.01, 0.1, 1, 10]. */
export function powers([low, high]: Range): number[] {
	const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
	return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => Number((10 ** (first + i)).toPrecision(6)));
}

/** Marks of a relative change: every half, or every 1, 2, 4, … where these would be many. */
export function halves([low, high]: Range): number[] {
	const length = high - low;
	const step = length > 4 ? Math.max(0.5, 2 ** Math.ceil(Math.log2(length / 4)) / 2) : 0.5;
	const [first, last] = [Math.ceil(low / step - 1e-9), Math.floor(high / step + 1e-9)];
	return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => (first + i) * step);
}

/** A relative change: 0.5 → "+50 %", −0.934 → "−93 %", 12 → "×13". */
export function changeText(change: Maybe): string {
	if (!known(change)) return "–";
	if (change >= 9.95) return times(change);
	const percent = Math.round(change * 100);
	return percent === 0 ? "0 %" : `${percent < 0 ? "−" : "+"}${Math.abs(percent)} %`;
}

/** What is written where a change is beyond its axis: 3.2 → "×4.2"; "×4" where there is little room. */
export function times(change: number, room = Number.POSITIVE_INFINITY): string {
	const factor = change + 1;
	return factor < 9.95 && room >= 28 ? `×${factor.toFixed(1)}` : factor < 999.5 ? `×${Math.round(factor)}` : "×1000+";
}

/** An amount in percent, with two digits that mean something: 12.34 → "12.3 %", 0.0412 → "0.041 %". */
export function amountText(percent: Maybe): string {
	if (!known(percent)) return "–";
	if (percent === 0) return "0 %";
	if (percent < 0.001) return "<0.001 %";
	const digits = percent >= 9.95 ? 1 : percent >= 0.995 ? 2 : percent >= 0.0995 ? 2 : 3;
	return `${percent.toFixed(digits)} %`;
}

/** The words that go with a verdict. */
export const verdictText = (verdict: Maybe | string): string =>
	verdict === "less" ? "less than chance explains" : verdict === "more" ? "more than chance explains" : "";
