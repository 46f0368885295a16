/** A histogram of columns: grouped on pale blocks, slanted labels, a mark on each bar. */
import { type Bar, columnLayout, fitLabel, type Group, ticks } from "../lib/bars";
import { categoryColour } from "../lib/colour";
import { known, short } from "../lib/format";
import { svg } from "./dom";

export interface Draw {
	groups: Group[];
	order: string[];
	selected: Set<string>;
	low: number;
	high: number;
	signed: boolean;
	number: (value: number | null | undefined) => string;
}

export const AXIS = 28; // room for the numbers at the left [px]
const TOP = 36; // the names of the groups
const PLOT = 168;
const LABELS = 74;

export function drawColumns(chart: HTMLElement, { groups, order, selected, high }: Draw, width: number): void {
	const whole = groups.every((group) => group.bars.every((bar) => bar.value === null || Number.isInteger(bar.value)));
	const marks = ticks(0, high, 4, whole);
	const top = marks.at(-1) as number;
	const y = (value: number): number => TOP + PLOT * (1 - value / top);
	const { columns, groups: blocks, width: inner } = columnLayout(groups, width - AXIS - 2);
	const total = Math.max(width, AXIS + inner + 2);
	const bottom = TOP + PLOT;

	const axis = svg("g", { class: "gw-axis", "aria-hidden": "true" });
	for (const mark of marks) {
		axis.append(
			svg("line", { x1: AXIS, x2: total, y1: y(mark), y2: y(mark), class: mark === 0 ? "gw-base" : "" }),
			svg("text", { x: AXIS - 6, y: y(mark), "text-anchor": "end", dy: "0.32em" }, short(mark)),
		);
	}
	const pale = blocks.map(({ name, x, width: blockWidth }) =>
		svg(
			"g",
			{ class: "gw-block", "aria-hidden": "true", style: `--gw-swatch:${categoryColour(name, order)}` },
			svg("rect", { x: AXIS + x, y: 0, width: blockWidth, height: bottom, rx: 4 }),
			name && blockWidth > 24 ? svg("text", { x: AXIS + x + 6, y: 15 }, fitLabel(name, blockWidth - 8, 6.2)) : null,
		),
	);
	const bars = columns.map(({ bar, x, width: barWidth }) => {
		const left = AXIS + x;
		const middle = left + barWidth / 2;
		const value = known(bar.value) ? bar.value : 0;
		const height = value > 0 ? Math.max(1.5, bottom - y(value)) : 0;
		return svg(
			"g",
			{
				class: barClass(bar, selected),
				role: "option",
				"data-key": bar.key,
				style: `--gw-swatch:${categoryColour(bar.group ?? "", order)}`,
			},
			svg("rect", { class: "gw-hit", x: left - 2, y: TOP, width: barWidth + 4, height: PLOT + LABELS - 8, rx: 3 }),
			svg("rect", { class: "gw-bar", x: left, y: bottom - height, width: barWidth, height, rx: 1.5 }),
			value > 0 && barWidth >= 12
				? svg("text", { class: "gw-bar-value", x: middle, y: bottom - height - 4, "text-anchor": "middle" }, short(value))
				: null,
			known(bar.chance) ? svg("path", { class: "gw-chance", d: `M${left - 2} ${y(bar.chance)}h${barWidth + 4}` }) : null,
			svg(
				"text",
				{ class: "gw-bar-label", "text-anchor": "end", transform: `translate(${middle + 4} ${bottom + 12}) rotate(-45)` },
				`${selected.has(bar.key) ? "✓ " : ""}${fitLabel(bar.label || bar.key, Math.min(92, middle * 1.41), 6.8)}`,
			),
		);
	});
	const size = { width: total, height: bottom + LABELS, viewBox: `0 0 ${total} ${bottom + LABELS}` };
	chart.replaceChildren(svg("svg", { ...size, role: "presentation" }, ...pale, axis, ...bars));
}

export function barClass(bar: Bar, selected: Set<string>): string {
	const state = selected.size === 0 ? "" : selected.has(bar.key) ? " gw-chosen" : " gw-other";
	return `gw-bar-group${state}${known(bar.value) ? "" : " gw-unknown"}`;
}
