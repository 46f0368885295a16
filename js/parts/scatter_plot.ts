/** Where a scatter chart draws what, and the painting of its points. */
import { groupOrder } from "../lib/colour";
import type { Maybe } from "../lib/format";
import { entryColour, pen, shapePath } from "../lib/marks";
import { type DataPoint, type Key, markStyle, type Spot, spotsOf } from "../lib/points";
import { axisNumbers, innerTicks, linear, looseTicks, opened, padded, type Range, span, type Tick } from "../lib/scale";
import type { ScatterTraits } from "../views/scatter";
import { type Frame, frameFor, yTicks } from "./axes";

export interface ScatterPlot {
	width: number;
	height: number;
	frame: Frame;
	xs: Tick[];
	ys: Tick[];
	spots: Spot[];
	groups: string[];
}

export type ScatterData = Pick<ScatterTraits, "points" | "groups" | "x_percent" | "y_percent">;

/** Everything that depends on the data and the width; null when no point has a place. */
export function layoutScatter({ points, groups, x_percent, y_percent }: ScatterData, width: number): ScatterPlot | null {
	const placed = points.filter((point) => span([point.x]) && span([point.y]));
	const range = (pick: (point: DataPoint) => Maybe): Range | null => span(placed.map(pick));
	const [across, up] = [range((point) => point.x), range((point) => point.y)];
	if (!across || !up || width === 0) return null;
	const height = Math.round(Math.max(220, Math.min(380, width * 0.66)));
	const [wide, tall] = [padded(opened(across), 0.04), padded(opened(up), 0.05)];
	const marks = looseTicks(tall, height).filter((mark) => mark >= tall[0] && mark <= tall[1]);
	const frame = frameFor(width, height, axisNumbers(marks, y_percent));
	const atX = linear(wide, frame.left, frame.right);
	const atY = linear(tall, frame.bottom, frame.top);
	const whole = placed.every((point) => Number.isInteger(point.x));
	return {
		width,
		height,
		frame,
		xs: innerTicks(wide, atX, x_percent, whole),
		ys: yTicks(marks, atY, y_percent),
		spots: spotsOf(points, atX, atY),
		groups: groupOrder(groups, points.map((point) => point.group ?? "")),
	};
}

/** The position of a point's group, which gives its colour and its shape; points without a group take the first. */
export function groupPosition(point: DataPoint, groups: readonly string[]): number {
	const at = groups.indexOf(point.group ?? "");
	return at >= 0 ? at : groups.length;
}

export interface Look {
	points: readonly DataPoint[];
	/** What is chosen, or would be when the gesture ended now. */
	selected: ReadonlySet<Key>;
	/** The point that is read out. */
	active: number;
	dark: boolean;
}

/** Paints all points: chosen ones on top with an outline, the others paler while some are chosen. */
export function paintPoints(context: CanvasRenderingContext2D, plot: ScatterPlot, { points, selected, active, dark }: Look): void {
	const { radius, opacity } = markStyle(plot.spots.length);
	const outlines = new Map<number, Path2D>();
	const colours = new Map<number, string>();
	const one = (spot: Spot, alpha: number, line: string | null, grow = 1): void => {
		const position = groupPosition(points[spot.index] as DataPoint, plot.groups);
		if (!outlines.has(position)) {
			outlines.set(position, new Path2D(shapePath(position, radius)));
			colours.set(position, pen(entryColour(position), dark));
		}
		const outline = outlines.get(position) as Path2D;
		context.save();
		context.translate(spot.x, spot.y);
		context.scale(grow, grow);
		context.globalAlpha = alpha;
		context.fillStyle = colours.get(position) as string;
		context.fill(outline);
		if (line !== null) {
			context.globalAlpha = 1;
			context.strokeStyle = line;
			context.lineWidth = 1.2;
			context.stroke(outline);
		}
		context.restore();
	};
	const [ink, paper] = dark ? ["#f2f3f5", "#17181b"] : ["#1f2328", "#ffffff"];
	const some = selected.size > 0;
	const edge = plot.spots.length <= 400 && !some ? paper : null;
	for (const spot of plot.spots) if (!selected.has(spot.key)) one(spot, some ? opacity * 0.4 : opacity, edge);
	for (const spot of plot.spots) if (selected.has(spot.key)) one(spot, 1, ink);
	const read = plot.spots.find((spot) => spot.index === active);
	if (read) one(read, 1, ink, 1.5);
}
