/** Samples of lines and marks, as legends and read-outs show them. */
import { dash, pen, shapePath } from "../lib/marks";
import { svg } from "./dom";

const size = { width: 22, height: 12, viewBox: "0 0 22 12", class: "gw-sample", "aria-hidden": "true", focusable: "false" };

/** How lines are told apart: by shapes at their points, by dashes, or by colour and name alone (one line of many). */
export type LineStyle = "shapes" | "dashes" | "plain";

/** A short piece of a line as it is drawn. */
export function lineSample(colour: string, position: number, style: LineStyle, dark: boolean): SVGSVGElement {
	const stroke = pen(colour, dark);
	return svg(
		"svg",
		size,
		svg("path", { d: "M1 6H21", stroke, "stroke-width": 2, "stroke-dasharray": style === "dashes" ? dash(position) || null : null }),
		style === "shapes" ? svg("path", { d: shapePath(position, 3.6, 11, 6), fill: stroke }) : null,
	);
}

/** The mark of a group of points. */
export function markSample(colour: string, position: number, dark: boolean): SVGSVGElement {
	return svg("svg", { ...size, width: 12, viewBox: "0 0 12 12" }, svg("path", { d: shapePath(position, 4, 6, 6), fill: pen(colour, dark) }));
}

/** A piece of the band. */
export function bandSample(middle: boolean): SVGSVGElement {
	return svg(
		"svg",
		{ ...size, class: "gw-sample gw-band" },
		svg("rect", { class: "gw-band-area", x: 1, y: 1, width: 20, height: 10 }),
		middle ? svg("path", { class: "gw-band-middle", d: "M1 6H21" }) : null,
	);
}
