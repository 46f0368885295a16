/** Lines of a curve chart: their points, the paths through them, and what stands at one place of the x axis. */
import { known, type Maybe } from "./format";
import { entryColour } from "./marks";
import type { Scale } from "./scale";

export interface Line {
	name: string;
	x: Maybe[];
	y: Maybe[];
	low?: Maybe[] | null;
	high?: Maybe[] | null;
	color?: string | null;
	group?: string | null;
}

export interface Band {
	x: Maybe[];
	low: Maybe[];
	high: Maybe[];
	middle?: Maybe[] | null;
	label?: string | null;
}

export interface Point {
	x: number;
	y: Maybe;
	low: Maybe;
	high: Maybe;
}

export interface DrawnLine {
	name: string;
	points: Point[];
}

/** What one item of the legend switches: a line, or all lines of a group. */
export interface Entry {
	name: string;
	colour: string;
	position: number;
	lines: DrawnLine[];
}

export function entriesOf(lines: readonly Line[]): Entry[] {
	const found = new Map<string, Entry>();
	for (const line of lines) {
		const name = line.group || line.name;
		const entry = found.get(name) ?? { name, colour: line.color || entryColour(found.size), position: found.size, lines: [] };
		found.set(name, entry);
		entry.lines.push({ name: line.name, points: pointsOf(line.x, line.y, line.low, line.high) });
	}
	return [...found.values()];
}

/** The points whose x is known, from left to right. */
export function pointsOf(x: readonly Maybe[], y: readonly Maybe[], low?: readonly Maybe[] | null, high?: readonly Maybe[] | null): Point[] {
	return x
		.map((value, i) => ({ x: value as number, y: y[i], low: low?.[i], high: high?.[i] }))
		.filter((point) => known(point.x))
		.sort((a, b) => a.x - b.x);
}

/** The band as points: `y` is its middle. */
export const bandPoints = (band: Partial<Band>): Point[] => pointsOf(band.x ?? [], band.middle ?? [], band.low, band.high);

/** A path through the known points; it is broken where one is not known. */
export function linePath(points: readonly Point[], atX: Scale, atY: Scale): string {
	let drawing = false;
	let path = "";
	for (const { x, y } of points) {
		if (known(y)) path += `${drawing ? "L" : "M"}${n(atX(x))} ${n(atY(y))}`;
		drawing = known(y);
	}
	return path;
}

/** The areas between low and high, one for each run of points that have both. */
export function areaPath(points: readonly Point[], atX: Scale, atY: Scale): string {
	const runs: Point[][] = [[]];
	for (const point of points) {
		if (known(point.low) && known(point.high)) (runs.at(-1) as Point[]).push(point);
		else if ((runs.at(-1) as Point[]).length > 0) runs.push([]);
	}
	const corner = (x: number, y: number): string => `${n(atX(x))} ${n(atY(y))}`;
	return runs
		.filter((run) => run.length > 1)
		.map((run) => {
			const up = run.map(({ x, high }) => corner(x, high as number));
			const down = run.map(({ x, low }) => corner(x, low as number)).reverse();
			return `M${[...up, ...down].join("L")}Z`;
		})
		.join("");
}

/** Intervals of points that no area shows, because their neighbours have none. */
export function loneIntervals(points: readonly Point[]): Point[] {
	const has = (point: Point | undefined): boolean => point !== undefined && known(point.low) && known(point.high);
	return points.filter((point, i) => has(point) && !has(points[i - 1]) && !has(points[i + 1]));
}

/** Known points without a known neighbour: a line cannot show them. */
export function lonePoints(points: readonly Point[]): Point[] {
	return points.filter((point, i) => known(point.y) && !known(points[i - 1]?.y) && !known(points[i + 1]?.y));
}

/** Every number that must be visible. */
export function* heights(points: Iterable<Point>): Iterable<Maybe> {
	for (const { y, low, high } of points) yield* [y, low, high];
}

/** All x at which something is drawn, each once, from left to right. */
export function placesOf(points: Iterable<Point>): number[] {
	const found = new Set<number>();
	for (const point of points) if ([point.y, point.low, point.high].some(known)) found.add(point.x);
	return [...found].sort((a, b) => a - b);
}

/** Position in `places` of what is nearest to a place on the page; -1 when there is none. */
export function nearestPlace(places: readonly number[], at: Scale, x: number): number {
	let best = -1;
	for (let i = 0; i < places.length; i++) {
		if (best < 0 || Math.abs(at(places[i] as number) - x) < Math.abs(at(places[best] as number) - x)) best = i;
	}
	return best;
}

export interface Reading {
	entry: Entry;
	name: string;
	point: Point;
}

const MANY = 8;

/** Whether an entry has too many lines to show each for itself. */
export const isCrowd = (entry: Entry): boolean => entry.lines.length > MANY;

/** What the lines say at one x, from the highest to the lowest; a crowd says its median and its range. */
export function readings(entries: readonly Entry[], x: number): Reading[] {
	const read = (entry: Entry): Reading[] => {
		const found = entry.lines.flatMap(({ name, points }) =>
			points.filter((point) => point.x === x && known(point.y)).map((point) => ({ entry, name, point })),
		);
		return isCrowd(entry) && found.length > 0 ? [summary(entry, x, found.map(({ point }) => point.y as number))] : found;
	};
	return entries.flatMap(read).sort((a, b) => (b.point.y as number) - (a.point.y as number));
}

function summary(entry: Entry, x: number, heights: number[]): Reading {
	const sorted = heights.sort((a, b) => a - b);
	const [below, above] = [sorted[(sorted.length - 1) >> 1] as number, sorted[sorted.length >> 1] as number];
	const point = { x, y: (below + above) / 2, low: sorted[0], high: sorted.at(-1) };
	return { entry, name: `${entry.name}, median of ${sorted.length}`, point };
}

const n = (value: number): string => String(Number(value.toFixed(2)));
