/** Where a curve chart draws what, and the SVG of its axes, band and lines. */
import { areaPath, bandPoints, type Entry, entriesOf, heights, isCrowd, linePath, loneIntervals, lonePoints, placesOf, type Point } from "../lib/curves";
import { known } from "../lib/format";
import { dash, pen, shapePath } from "../lib/marks";
import { axisNumbers, innerTicks, linear, logarithmic, logTicks, looseTicks, opened, type Range, type Scale, snug, span, textWidth, type Tick, withZero, zeroSlot } from "../lib/scale";
import type { CurveTraits } from "../views/curve";
import { axes, type Frame, frameFor, yTicks } from "./axes";
import { svg } from "./dom";
import type { LineStyle } from "./legend";

export interface CurvePlot {
	width: number;
	height: number;
	frame: Frame;
	atX: Scale;
	atY: Scale;
	xs: Tick[];
	ys: Tick[];
	/** Every x at which something is drawn, from left to right. */
	places: number[];
	/** What the legend has not switched off. */
	shown: Entry[];
	band: Point[];
	/** Points have room for shapes; else lines have dashes. */
	shapes: boolean;
	/** Zero stands apart at the left of a logarithmic axis. */
	broken: boolean;
}

export type CurveData = Pick<CurveTraits, "lines" | "band" | "hidden" | "log_x" | "y_percent" | "y_range">;

const SHAPES_APART = 9; // least distance of points that are drawn as shapes [px]

/** Everything that depends on the data and the width; null when no number is known. */
export function layoutCurve(data: CurveData, width: number): CurvePlot | null {
	const all = entriesOf(data.lines);
	const band = bandPoints(data.band);
	const shown = all.filter((entry) => !data.hidden.includes(entry.name));
	const points = (list: readonly Entry[]): Point[] => [...list.flatMap((entry) => entry.lines.flatMap((line) => line.points)), ...band];
	const places = placesOf(points(all));
	const tall = span(heights(points(shown))) ?? span(heights(points(all)));
	if (!tall || width === 0) return null;
	const height = Math.round(Math.max(190, Math.min(300, width * 0.5)));
	const { inside, ends } = yRange(tall, data, height);
	const [first, last] = [places[0] as number, places.at(-1) as number];
	const end = textWidth(axisNumbers([last])[0] as string) / 2 + 2;
	const frame = frameFor(width, height, axisNumbers(inside, data.y_percent), Math.max(12, end));
	const edges = [frame.left + 6, frame.right - 4] as const;
	const wide = opened([first, last]);
	const atX = data.log_x ? logarithmic(places, ...edges) : linear(wide, ...edges);
	const atY = linear(ends, frame.bottom, frame.top);
	const few = data.log_x || places.length === 1;
	const xs = few ? logTicks(places, atX) : innerTicks(wide, atX, false, places.every(Number.isInteger));
	const ys = yTicks(inside, atY, data.y_percent);
	const broken = data.log_x && first === 0 && places.length > 1;
	return { width, height, frame, atX, atY, xs, ys, places, shown, band, shapes: roomForShapes(shown, atX), broken };
}

function yRange(tall: Range, { y_range }: CurveData, height: number): { inside: number[]; ends: Range } {
	const [low, high] = y_range;
	const near = withZero(tall);
	const range = opened([known(low) ? low : near[0], known(high) ? high : near[1]]);
	const marks = looseTicks(range, height);
	const around = snug(range, marks);
	const ends: Range = [known(low) ? range[0] : around[0], known(high) ? range[1] : around[1]];
	return { inside: marks.filter((mark) => mark >= ends[0] && mark <= ends[1]), ends };
}

function roomForShapes(entries: readonly Entry[], atX: Scale): boolean {
	return entries.every(({ lines }) =>
		lines.every(({ points }) => points.every((point, i) => i === 0 || atX(point.x) - atX((points[i - 1] as Point).x) >= SHAPES_APART)),
	);
}

/** The axes, and the band behind the lines. */
export function drawBack({ frame, xs, ys, band, atX, atY, broken }: CurvePlot): Node[] {
	const edges = (["low", "high"] as const).map((side) => linePath(band.map((point) => ({ ...point, y: point[side] })), atX, atY));
	const gap = frame.left + 6 + zeroSlot(frame.right - frame.left - 10) / 2;
	return [
		axes(frame, xs, ys),
		svg("path", { class: "gw-band-area", d: areaPath(band, atX, atY) }),
		svg("path", { class: "gw-band-edge", d: edges.join("") }),
		svg("path", { class: "gw-band-middle", d: linePath(band, atX, atY) }),
		...(broken
			? [
					svg("path", { class: "gw-break-gap", d: `M${gap - 2} ${frame.bottom}h5` }),
					svg("path", { class: "gw-break", d: `M${gap - 4} ${frame.bottom + 4}l3 -8m2 8l3 -8` }),
				]
			: []),
	];
}

/** How the lines of an entry are told from others. */
export function styleOf(entry: Entry, { shapes }: Pick<CurvePlot, "shapes">): LineStyle {
	return isCrowd(entry) ? "plain" : shapes ? "shapes" : "dashes";
}

/** The lines of one entry with their intervals and marks. */
export function drawEntry(entry: Entry, plot: CurvePlot, dark: boolean): SVGGElement {
	const { atX, atY } = plot;
	const colour = pen(entry.colour, dark);
	const style = styleOf(entry, plot);
	const dashes = style === "dashes" ? dash(entry.position) || null : null;
	const group = svg("g", { class: `gw-series${style === "plain" ? " gw-many" : ""}`, "data-name": entry.name });
	const mark = (point: Point): string => shapePath(entry.position, 4, atX(point.x), atY(point.y as number));
	for (const { points } of entry.lines) {
		const whiskers = loneIntervals(points).map((point) => `M${atX(point.x)} ${atY(point.low as number)}V${atY(point.high as number)}`);
		const marked = style === "shapes" ? points.filter((point) => known(point.y)) : lonePoints(points);
		group.append(
			svg("path", { class: "gw-area", d: areaPath(points, atX, atY), style: `fill:${colour}` }),
			svg("path", { class: "gw-whiskers", d: whiskers.join(""), stroke: colour }),
			svg("path", { class: "gw-curve-line", d: linePath(points, atX, atY), stroke: colour, "stroke-dasharray": dashes }),
			svg("path", { class: "gw-mark", d: marked.map(mark).join(""), style: `fill:${colour}` }),
		);
	}
	return group;
}
