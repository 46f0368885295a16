/** A histogram of lines: a label, a bar with its interval and mark, a number; losses go left, gains right. */
import type { Bar } from "../lib/bars";
import { categoryColour } from "../lib/colour";
import { known } from "../lib/format";
import { barClass, type Draw } from "./columns";
import { assign, h, setText } from "./dom";

/** Draws the lines; while the same bars are shown, only what changed moves (values may stream in). */
export function drawLines(chart: HTMLElement, draw: Draw): void {
	const { groups, signed } = draw;
	const shape = JSON.stringify([signed, groups.map((group) => [group.name, group.bars.map((bar) => bar.key)])]);
	if (chart.dataset.shape !== shape || !chart.querySelector(".gw-line")) {
		chart.dataset.shape = shape;
		const words = h("div", {}, h("span", {}, "← loses"), h("span", {}, "gains →"));
		const ends = h("div", { class: "gw-line-ends", "aria-hidden": "true" }, words);
		chart.replaceChildren(...(signed ? [ends] : []), ...groups.map((group) => block(group.name, group.bars, draw)));
	}
	const lines = chart.querySelectorAll<HTMLElement>(".gw-line");
	groups.flatMap((group) => group.bars).forEach((bar, i) => fill(lines[i] as HTMLElement, bar, draw));
}

const PARTS = ["gw-zero", "gw-line-bar", "gw-whisker", "gw-chance"];

function block(name: string, bars: readonly Bar[], { order }: Draw): HTMLElement {
	return h(
		"div",
		{ class: "gw-line-group", role: "group", "aria-label": name || null, style: `--gw-swatch:${categoryColour(name, order)}` },
		name ? h("div", { class: "gw-line-head", "aria-hidden": "true" }, h("span", { class: "gw-swatch" }), name) : null,
		...bars.map((bar) =>
			h(
				"div",
				{ class: "gw-line", role: "option", "data-key": bar.key },
				h("span", { class: "gw-line-label" }),
				h("div", { class: "gw-line-plot" }, ...PARTS.map((name) => h("i", { class: name }))),
				h("span", { class: "gw-line-value" }),
			),
		),
	);
}

function fill(element: HTMLElement, bar: Bar, { selected, low, high, signed, number }: Draw): void {
	const percent = (value: number): string => `${(((value - low) / (high - low)) * 100).toFixed(2)}%`;
	const span = (from: number, to: number): string => `left:${percent(from)};width:${percent(low + to - from)}`;
	const value = known(bar.value) ? bar.value : 0;
	const interval = known(bar.low) && known(bar.high) ? ([bar.low, bar.high] as const) : null;
	const unsure = signed && interval !== null && interval[0] <= 0 && interval[1] >= 0;
	const sign = !signed || value === 0 ? "" : value < 0 ? " gw-loses" : " gw-gains";
	const [label, plot, shown] = element.children as unknown as [HTMLElement, HTMLElement, HTMLElement];
	const [zero, rectangle, whisker, chance] = plot.children as unknown as HTMLElement[];
	assign(element, { class: `gw-line ${barClass(bar, selected)}` });
	assign(label, { title: bar.label || bar.key });
	setText(label, `${selected.has(bar.key) ? "✓ " : ""}${bar.label || bar.key}`);
	assign(zero as HTMLElement, { style: `left:${percent(0)}`, hidden: !signed });
	assign(rectangle as HTMLElement, {
		class: `gw-line-bar${sign}${unsure ? " gw-unsure" : ""}`,
		style: span(Math.min(0, value), Math.max(0, value)),
	});
	assign(whisker as HTMLElement, { style: interval ? span(...interval) : null, hidden: interval === null });
	assign(chance as HTMLElement, { style: known(bar.chance) ? `left:${percent(bar.chance)}` : null, hidden: !known(bar.chance) });
	setText(shown, number(bar.value));
}
