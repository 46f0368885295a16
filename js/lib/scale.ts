/** From numbers to places on an axis, and the round numbers that stand there; nothing here draws. */
import { ticks as roundNumbers } from "./bars";
import { known, type Maybe, UNKNOWN } from "./format";

export type Range = readonly [number, number];

/** Place of a value on an axis [px]. */
export type Scale = (value: number) => number;

export interface Tick {
	value: number;
	text: string;
	at: number;
}

const LETTER = 6.4; // width of a letter of an axis, roughly [px]
const ZERO_SLOT = 34; // room for zero at the left of a logarithmic axis [px]

/** Room that a text of an axis takes, roughly [px]. */
export const textWidth = (text: string): number => text.length * LETTER;

/** The smallest and the largest known number; null when none is known. */
export function span(values: Iterable<Maybe>): Range | null {
	let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
	for (const value of values) {
		if (!known(value)) continue;
		if (value < low) low = value;
		if (value > high) high = value;
	}
	return low <= high ? [low, high] : null;
}

/** A range that has a length: a single number gets room on both sides. */
export function opened([low, high]: Range): Range {
	if (high > low) return [low, high];
	const room = Math.abs(low) * 0.1 || 1;
	return [low - room, high + room];
}

/** Reaches to zero when zero is near, so that heights can be compared. */
export function withZero([low, high]: Range): Range {
	if (low > 0 && low < 0.6 * high) return [0, high];
	if (high < 0 && high > 0.6 * low) return [low, 0];
	return [low, high];
}

/** A little more on both sides, so that marks at the ends are not cut off. */
export const padded = ([low, high]: Range, share: number): Range => [low - (high - low) * share, high + (high - low) * share];

export function linear([low, high]: Range, from: number, to: number): Scale {
	return (value) => from + ((value - low) / (high - low)) * (to - from);
}

/** A logarithmic axis from the smallest to the largest positive value; zero, when there is one, stands apart at the left. */
export function logarithmic(values: readonly number[], from: number, to: number): Scale {
	const [low, high] = opened((span(values.filter((value) => value > 0)) ?? [1, 1]).map(Math.log) as unknown as Range);
	const start = from + (values.includes(0) ? zeroSlot(to - from) : 0);
	return (value) => (value > 0 ? start + ((Math.log(value) - low) / (high - low)) * (to - start) : from);
}

export const zeroSlot = (length: number): number => Math.min(ZERO_SLOT, length * 0.12);

/** What to write at the ticks of one axis: as many decimals as they need, one style for all. */
export function axisNumbers(values: readonly number[], percent = false): string[] {
	const shown = percent ? values.map((value) => value * 100) : values;
	const largest = Math.max(0, ...shown.map(Math.abs));
	const small = Math.min(...shown.filter(Boolean).map(Math.abs));
	const unit = percent ? " %" : "";
	if (largest >= 1e6 || (largest > 0 && largest < 1e-3) || small < 1e-4) {
		return shown.map((value) => (value === 0 ? "0" : scientific(value, 2)) + unit);
	}
	let digits = 0;
	while (digits < 5 && shown.some((value) => Math.abs(value - round(value, digits)) > 1e-3 * 10 ** -digits)) digits++;
	return shown.map((value) => decimal(value, digits) + unit);
}

/** A number to read, to three significant digits: 0.04217 → "0.0422", 1234 → "1,234", 12.3 % when it is a share. */
export function readable(value: Maybe, percent = false, signed = false): string {
	if (!known(value)) return UNKNOWN;
	const shown = percent ? value * 100 : value;
	const size = Math.abs(shown);
	const digits = percent ? (size >= 0.95 || size === 0 ? 1 : 2) : Number.isInteger(shown) || size >= 1000 ? 0 : 2 - Math.floor(Math.log10(size));
	const tiny = size > 0 && size < (percent ? 0.005 : 1e-4);
	const text = tiny || size >= 1e7 ? scientific(shown, 2) : percent ? decimal(shown, digits) : decimal(shown, Math.max(0, digits), true);
	return `${signed && shown > 0 ? "+" : ""}${text}${percent ? " %" : ""}`;
}

/** Round ticks from below `low` to above `high`, about one per 44 px of `height`; their ends are the range to draw. */
export function looseTicks([low, high]: Range, height: number): number[] {
	return roundNumbers(low, high, Math.max(2, Math.min(6, Math.round(height / 44))));
}

/** Ends of an axis for data in this range: the outermost tick when it is near, else a little room. */
export function snug([low, high]: Range, marks: readonly number[]): Range {
	const [first, second, last] = [marks[0] as number, marks[1] ?? high, marks.at(-1) as number];
	const [near, room] = [0.35 * (second - first), 0.06 * (high - low)];
	return [low - first <= near ? first : low - room, last - high <= near ? last : high + room];
}

/** As many round ticks inside a range as stand beside each other; `whole` allows whole numbers only. */
export function innerTicks([low, high]: Range, at: Scale, percent = false, whole = false): Tick[] {
	const length = Math.abs(at(high) - at(low));
	for (let n = Math.max(2, Math.round(length / 60)); n >= 1; n--) {
		const edge = (high - low) * 1e-9;
		const values = roundNumbers(low, high, n, whole).filter((value) => value >= low - edge && value <= high + edge);
		const found = label(values, at, percent);
		if (found.length > 0 && apart(found)) return found;
	}
	return label([low], at, percent);
}

/** Ticks of a logarithmic axis: the values themselves when they are few, else powers of ten (and 2, 5 in between). */
export function logTicks(values: readonly number[], at: Scale): Tick[] {
	const positive = span(values.filter((value) => value > 0));
	const zero = values.includes(0) ? [0] : [];
	if (values.length <= 14) return thinned([...values], at);
	if (!positive) return label(zero, at);
	const [first, last] = positive.map(Math.log10).map(Math.floor) as [number, number];
	const powers = (factors: readonly number[]): number[] =>
		Array.from({ length: last - first + 1 }, (_, i) => factors.map((factor) => Number((factor * 10 ** (first + i)).toPrecision(3))))
			.flat()
			.filter((value) => value >= positive[0] * 0.999 && value <= positive[1] * 1.001);
	const fine = label([...zero, ...powers([1, 2, 5])], at);
	return apart(fine) ? fine : thinned([...zero, ...powers([1])], at);
}

function label(values: readonly number[], at: Scale, percent = false): Tick[] {
	const texts = axisNumbers(values, percent);
	return values.map((value, i) => ({ value, text: texts[i] as string, at: at(value) }));
}

const overlap = (a: Tick, b: Tick): boolean => b.at - a.at < (textWidth(a.text) + textWidth(b.text)) / 2 + 8;

const apart = (ticks: readonly Tick[]): boolean => ticks.every((tick, i) => i === 0 || !overlap(ticks[i - 1] as Tick, tick));

/** Leaves out what would run into its neighbour; each number is written in its own style. */
function thinned(values: readonly number[], at: Scale): Tick[] {
	const kept: Tick[] = [];
	for (const value of values) {
		const tick = { value, text: readable(value), at: at(value) };
		if (kept.length === 0 || !overlap(kept.at(-1) as Tick, tick)) kept.push(tick);
	}
	return kept;
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits));
const minus = (text: string): string => text.replaceAll("-", "−");
const scientific = (value: number, digits: number): string => minus(String(Number(value.toPrecision(digits)).toExponential()).replace("+", ""));
const decimal = (value: number, digits: number, shorten = false): string =>
	minus(
		(Object.is(round(value, digits), -0) ? 0 : value).toLocaleString("en", {
			minimumFractionDigits: shorten ? 0 : digits,
			maximumFractionDigits: digits,
		}),
	);
