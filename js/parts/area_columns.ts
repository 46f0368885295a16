/** Draws area bars: axes, a column per name with its bar, its line and its change, slanted names below. */
import { type AreaColumn, type AreaLayout, changeText, halves, powers, times } from "../lib/areas";
import { fitLabel } from "../lib/bars";
import { known } from "../lib/format";
import type { Range } from "../lib/scale";
import { svg } from "./dom";

export interface AreaDraw {
	areas: Range;
	changes: Range;
	areaLabel: string;
	changeLabel: string;
	selected: string;
}

export const AXIS = 52; // room for the numbers at the left [px]

/** The numbers at both axes and their titles; stands still while the columns scroll. */
export function drawAxes(axes: SVGSVGElement, layout: AreaLayout, draw: AreaDraw): void {
	const mark = (y: number, text: string): SVGElement => svg("text", { x: AXIS - 6, y, dy: "0.32em", "text-anchor": "end" }, text);
	axes.setAttribute("width", String(AXIS));
	axes.setAttribute("height", String(layout.height));
	axes.replaceChildren(
		...powers(draw.areas).map((value) => mark(layout.area(value), `${value} %`)),
		...halves(draw.changes).map((value) => mark(layout.change(value), value === 0 ? "0" : changeText(value))),
	);
}

export function drawAreas(picture: SVGSVGElement, layout: AreaLayout, draw: AreaDraw): void {
	const { columns, width, height, upper, lower } = layout;
	const line = (y: number, style: string | null = null): SVGElement => svg("line", { x1: 0, x2: width, y1: y, y2: y, class: style });
	const axis = svg("g", { class: "gw-axis", "aria-hidden": "true" });
	axis.append(...powers(draw.areas).map((value) => line(layout.area(value))), line(upper[1], "gw-base"));
	axis.append(...halves(draw.changes).map((value) => line(layout.change(value), value === 0 ? "gw-base" : null)));
	const titles = [
		svg("text", { x: 2, y: upper[0] - 10, class: "gw-area-title", "aria-hidden": "true" }, draw.areaLabel),
		svg("text", { x: 2, y: lower[0] - 22, class: "gw-area-title", "aria-hidden": "true" }, draw.changeLabel),
	];
	for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) picture.setAttribute(name, String(value));
	picture.replaceChildren(axis, ...columns.map((column) => drawColumn(column, layout, draw)), ...titles);
}

function drawColumn({ bar, x, middle, width }: AreaColumn, layout: AreaLayout, draw: AreaDraw): SVGElement {
	const { area, upper, lower, pitch } = layout;
	const chosen = draw.selected === bar.key;
	const state = draw.selected === "" ? "" : chosen ? " gw-chosen" : " gw-other";
	const verdict = bar.verdict === "less" || bar.verdict === "more" ? bar.verdict : "";
	const arrow = verdict === "less" ? "▾ " : verdict === "more" ? "▴ " : "";
	const name = `${arrow}${fitLabel(bar.label || bar.key, Math.min(84, (middle + AXIS - 8) * 1.41 - 12), 6.4)}`;
	return svg(
		"g",
		{ class: `gw-area${state}${verdict ? ` gw-named gw-${verdict}` : ""}`, role: "option", "data-key": bar.key },
		svg("rect", { class: "gw-hit", x: middle - pitch / 2 + 1, y: upper[0] - 4, width: pitch - 2, height: layout.height - upper[0], rx: 3 }),
		known(bar.area) && bar.area > 0
			? svg("rect", { class: "gw-area-bar", x, y: area(bar.area), width, height: Math.max(1, upper[1] - area(bar.area)), rx: 1.5 })
			: null,
		...(known(bar.other) ? otherMarks(bar.other, x, middle, width, layout, draw.areas) : []),
		...(known(bar.change) ? changeMarks(bar.change, bar.low, bar.high, x, middle, width, layout, draw.changes, verdict) : []),
		svg(
			"text",
			{ class: "gw-area-label", "text-anchor": "end", transform: `translate(${middle + 4} ${lower[1] + 12}) rotate(-45)` },
			name,
		),
	);
}

function otherMarks(other: number, x: number, middle: number, width: number, { area }: AreaLayout, areas: Range): SVGElement[] {
	const y = area(other);
	const marks: SVGElement[] = [svg("path", { class: "gw-area-other", d: `M${x - 3} ${y}h${width + 6}` })];
	const beyond = other === 0 ? "0" : other < areas[0] ? "<" : other > areas[1] ? ">" : "";
	if (beyond) marks.push(svg("text", { class: "gw-area-beyond", x: middle, y: y - 5, "text-anchor": "middle" }, beyond));
	return marks;
}

function changeMarks(
	change: number,
	low: number | null | undefined,
	high: number | null | undefined,
	x: number,
	middle: number,
	width: number,
	layout: AreaLayout,
	changes: Range,
	verdict: string,
): SVGElement[] {
	const [zero, y] = [layout.change(0), layout.change(change)];
	const side = change < 0 ? "less" : "more";
	const marks: SVGElement[] = [
		svg("rect", {
			class: `gw-area-change gw-${side}${verdict ? "" : " gw-unsure"}`,
			x,
			y: Math.min(zero, y),
			width,
			height: Math.max(1, Math.abs(y - zero)),
			rx: 1.5,
		}),
	];
	if (known(low) && known(high)) {
		const cap = (value: number): string => (value >= changes[0] && value <= changes[1] ? `M${middle - 3} ${layout.change(value)}h6` : "");
		const path = `M${middle} ${layout.change(low)}V${layout.change(high)}${cap(low)}${cap(high)}`;
		marks.push(svg("path", { class: "gw-area-whisker-back", d: path }), svg("path", { class: "gw-area-whisker", d: path }));
	}
	if (change > changes[1]) {
		marks.push(svg("text", { class: "gw-area-beyond", x: middle, y: layout.change(changes[1]) - 5, "text-anchor": "middle" }, times(change, layout.pitch)));
	}
	return marks;
}
