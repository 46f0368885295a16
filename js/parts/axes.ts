/** The frame of a chart: grid lines, ticks and their numbers, the same for curves and scatters. */
import { axisNumbers, type Scale, textWidth, type Tick } from "../lib/scale";
import { svg } from "./dom";

/** Edges of the drawing area [px]. */
export interface Frame {
	left: number;
	right: number;
	top: number;
	bottom: number;
}

export const TOP = 8;
export const BOTTOM = 26; // room for the numbers of the x axis [px]

/** The frame of a chart this large, with room at the left for what stands at the y axis. */
export function frameFor(width: number, height: number, texts: readonly string[], end = 12): Frame {
	const left = Math.ceil(Math.max(16, ...texts.map(textWidth)) + 12);
	return { left, right: Math.max(left + 20, width - end), top: TOP, bottom: height - BOTTOM };
}

/** Ticks of a y axis at these values. */
export function yTicks(values: readonly number[], at: Scale, percent: boolean): Tick[] {
	const texts = axisNumbers(values, percent);
	return values.map((value, i) => ({ value, text: texts[i] as string, at: at(value) }));
}

/** Horizontal grid lines and the numbers of both axes; with `upright` also vertical grid lines. */
export function axes(frame: Frame, xs: readonly Tick[], ys: readonly Tick[], upright = false): SVGGElement {
	const group = svg("g", { class: "gw-axis", "aria-hidden": "true" });
	const { left, right, top, bottom } = frame;
	for (const { value, text, at } of ys) {
		group.append(
			svg("line", { x1: left, x2: right, y1: round(at), y2: round(at), class: value === 0 ? "gw-base" : null }),
			svg("text", { x: left - 8, y: at, "text-anchor": "end", dy: "0.32em" }, text),
		);
	}
	for (const { value, text, at } of xs) {
		if (upright) group.append(svg("line", { x1: round(at), x2: round(at), y1: top, y2: bottom, class: value === 0 ? "gw-base" : null }));
		else group.append(svg("line", { x1: round(at), x2: round(at), y1: bottom, y2: bottom + 4, class: "gw-tick" }));
		group.append(svg("text", { x: at, y: bottom + 17, "text-anchor": "middle" }, text));
	}
	if (!ys.some((tick) => tick.at === bottom)) group.append(svg("line", { x1: left, x2: right, y1: bottom, y2: bottom, class: "gw-edge" }));
	return group;
}

const round = (at: number): number => Math.round(at * 10) / 10;
