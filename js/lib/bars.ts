/** Where bars, ticks and labels of a histogram are; nothing here draws. */
import { type Maybe, known } from "./format";

export interface Bar {
	key: string;
	label?: string | null;
	group?: string | null;
	value: number | null;
	low?: number | null;
	high?: number | null;
	chance?: number | null;
}

export interface Group {
	name: string;
	bars: Bar[];
}

/** Bars by group in the given order; within a group they keep their order. Groups without bars are left out. */
export function grouped(bars: readonly Bar[], order: readonly string[]): Group[] {
	const names = [...order, ...bars.map((bar) => bar.group ?? "").filter((name) => !order.includes(name))];
	return [...new Set(names)]
		.map((name) => ({ name, bars: bars.filter((bar) => (bar.group ?? "") === name) }))
		.filter((group) => group.bars.length > 0);
}

/** Round numbers from `low` to beyond `high`, about `n` of them: ticks(0, 17, 4) → [0, 5, 10, 15, 20]. */
export function ticks(low: number, high: number, n: number, whole = false): number[] {
	const span = high - low;
	if (!(span > 0)) return [low];
	const rough = span / Math.max(1, n);
	const power = 10 ** Math.floor(Math.log10(rough));
	const nice = [1, 2, 2.5, 5, 10].map((factor) => factor * power);
	let step = nice.find((candidate) => candidate >= rough * 0.999) ?? 10 * power;
	if (whole) step = Math.max(1, Math.ceil(step));
	const first = Math.floor(low / step + 1e-9);
	const last = Math.ceil(high / step - 1e-9);
	return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** A signed axis reaches at least this far, so that a bar of next to nothing looks like it. */
const LEAST_SIGNED = 0.005;

/** The smallest and largest number that must be visible; a signed axis is symmetric around zero. */
export function extent(bars: readonly Bar[], signed: boolean): [number, number] {
	const numbers = bars.flatMap((bar) => [bar.value, bar.low, bar.high, bar.chance] as Maybe[]).filter(known);
	const furthest = Math.max(signed ? LEAST_SIGNED : 0, ...(signed ? numbers.map(Math.abs) : numbers)) || 1;
	return signed ? [-furthest, furthest] : [0, furthest];
}

export interface Column {
	bar: Bar;
	x: number;
	width: number;
}

export interface Columns {
	columns: Column[];
	groups: { name: string; x: number; width: number }[];
	width: number;
}

/** Vertical bars side by side, groups apart; wider than `width` when bars would get thinner than `minPitch`. */
export function columnLayout(groups: readonly Group[], width: number, minPitch = 16, maxPitch = 40, gap = 10): Columns {
	const n = groups.reduce((sum, group) => sum + group.bars.length, 0);
	const between = gap * Math.max(0, groups.length - 1);
	const pitch = Math.max(minPitch, Math.min(maxPitch, n > 0 ? (width - between) / n : maxPitch));
	const thickness = Math.max(6, Math.round(pitch * 0.68));
	const columns: Column[] = [];
	const blocks: Columns["groups"] = [];
	let x = 0;
	for (const group of groups) {
		const start = x;
		for (const bar of group.bars) {
			columns.push({ bar, x: x + (pitch - thickness) / 2, width: thickness });
			x += pitch;
		}
		blocks.push({ name: group.name, x: start, width: x - start });
		x += gap;
	}
	return { columns, groups: blocks, width: Math.max(0, x - gap) };
}

/** Whether the columns fit side by side without scrolling and with labels that can be read. */
export function columnsFit(groups: readonly Group[], width: number, minPitch = 15): boolean {
	return columnLayout(groups, width, minPitch).width <= width;
}

/** A label that fits in `room` pixels at about `perLetter` pixels a letter, cut with an ellipsis. */
export function fitLabel(text: string, room: number, perLetter = 6): string {
	const letters = Math.max(2, Math.floor(room / perLetter));
	return text.length <= letters ? text : `${text.slice(0, letters - 1).trimEnd()}…`;
}
