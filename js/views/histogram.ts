/** Bars that can be chosen: columns grouped by category, or lines with labels at the left, also signed. */
import type { RenderProps } from "@anywidget/types";
import { type Bar, columnsFit, extent, grouped } from "../lib/bars";
import { groupOrder } from "../lib/colour";
import { moveBy } from "../lib/geometry";
import { known, short, signedPercent } from "../lib/format";
import { AXIS, drawColumns } from "../parts/columns";
import { assign, h, listen, onResize, perFrame, setText } from "../parts/dom";
import { drawLines } from "../parts/lines";
import { component, type ComponentTraits } from "./component";

export interface HistogramTraits extends ComponentTraits {
	bars: Bar[];
	selected: string[];
	groups: string[];
	title: string;
	subtitle: string;
	value_label: string;
	reference_label: string;
	note: string;
	signed: boolean;
	horizontal: boolean;
	message: string;
}

function render(props: RenderProps<HistogramTraits>): void {
	const view = component(props, "histogram");
	const title = h("h3", { class: "gw-title" });
	const subtitle = h("div", { class: "gw-histogram-of" });
	const clear = h("button", { type: "button", class: "gw-quiet", hidden: true }, "Clear");
	const chart = h("div", { class: "gw-chart", role: "listbox", "aria-multiselectable": "true" });
	const blank = h("div", { class: "gw-blank" });
	const legend = h("div", { class: "gw-histogram-legend" });
	const note = h("p", { class: "gw-histogram-note" });
	const tip = h("div", { class: "gw-tip", role: "presentation", hidden: true });
	view.body.append(h("div", { class: "gw-histogram-head" }, title, clear), subtitle, chart, blank, legend, note, tip);

	let width = 0;
	let active = "";
	const options = (): Element[] => [...chart.querySelectorAll("[role=option]")];
	const keyOf = (target: EventTarget | null): string | undefined =>
		(target as Element | null)?.closest<HTMLElement | SVGElement>("[role=option]")?.dataset.key;

	const number = (value: number | null | undefined): string => (view.get("signed") ? signedPercent(value) : short(value));
	const describe = (bar: Bar): string[] => [
		`${number(bar.value)}${view.get("value_label") && !view.get("signed") ? ` ${view.get("value_label")}` : ""}`,
		known(bar.low) && known(bar.high) ? `between ${number(bar.low)} and ${number(bar.high)}` : "",
		known(bar.chance) ? `${number(bar.chance)} ${view.get("reference_label") || "for comparison"}` : "",
	].filter(Boolean);

	const choose = (key: string): void => {
		const selected = view.get("selected");
		view.set({ selected: selected.includes(key) ? selected.filter((other) => other !== key) : [...selected, key] });
	};
	const point = (key: string | undefined): void => {
		const option = key === undefined ? undefined : options().find((one) => (one as HTMLElement).dataset.key === key);
		const bar = view.get("bars").find((one) => one.key === key);
		tip.hidden = !option || !bar;
		if (!option || !bar) return;
		tip.replaceChildren(
			h("strong", {}, bar.label || bar.key, bar.group ? h("span", {}, bar.group) : null),
			...describe(bar).map((line) => h("div", {}, line)),
		);
		const [box, home] = [option.getBoundingClientRect(), view.root.getBoundingClientRect()];
		if (chart.classList.contains("gw-lines")) {
			// Beside the line, where it hides no other; on the left when there is no room on the right.
			const fits = box.right + 8 + tip.offsetWidth < window.innerWidth;
			const x = fits ? box.right - home.left + 8 : box.left - home.left - tip.offsetWidth - 8;
			tip.style.transform = `translate(${Math.round(x)}px, ${Math.round(box.top - home.top - 6)}px)`;
			return;
		}
		const middle = box.left + box.width / 2 - home.left - tip.offsetWidth / 2;
		const left = Math.max(0, Math.min(middle, home.width - tip.offsetWidth));
		const above = box.top - home.top - tip.offsetHeight - 6;
		tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(above < 0 ? box.bottom - home.top + 6 : above)}px)`;
	};

	const draw = (): void => {
		const bars = view.get("bars");
		const [selected, signed, horizontal] = [view.get("selected"), view.get("signed"), view.get("horizontal")];
		const order = groupOrder(view.get("groups"), bars.map((bar) => bar.group ?? ""));
		const groups = grouped(bars, order);
		const [low, high] = extent(bars, signed);
		const focused = chart.contains((view.root.getRootNode() as Document | ShadowRoot).activeElement);
		setText(title, view.get("title"));
		title.hidden = view.get("title") === "";
		setText(subtitle, view.get("subtitle"));
		subtitle.hidden = view.get("subtitle") === "";
		setText(note, view.get("note"));
		note.hidden = view.get("note") === "" || !bars.some((bar) => known(bar.chance));
		clear.hidden = selected.length === 0;
		chart.hidden = bars.length === 0;
		blank.hidden = bars.length > 0;
		setText(blank, view.get("message") || "Nothing to count yet.");
		const draws = { groups, order, selected: new Set(selected), low, high, signed, number };
		// Columns whose labels would run into each other become lines.
		const lines = horizontal || signed || (width > 0 && !columnsFit(groups, width - AXIS - 2));
		chart.classList.toggle("gw-lines", lines);
		view.root.classList.toggle("gw-signed", signed);
		if (bars.length === 0) chart.replaceChildren();
		else if (lines) drawLines(chart, draws);
		else if (width > 0) drawColumns(chart, draws, width);
		const words = [view.get("title"), view.get("value_label")].filter(Boolean).join(": ") || "Histogram";
		assign(chart, { "aria-label": words, "aria-orientation": lines ? "vertical" : "horizontal" });
		legend.replaceChildren(...legendItems(signed ? "" : lines ? "Length" : "Height"));
		legend.hidden = bars.length === 0 || legend.childElementCount === 0;
		if (!bars.some((bar) => bar.key === active)) active = groups[0]?.bars[0]?.key ?? "";
		for (const option of options()) {
			const { key } = (option as HTMLElement).dataset;
			const bar = bars.find((one) => one.key === key) as Bar;
			assign(option, {
				"aria-selected": String(selected.includes(bar.key)),
				"aria-label": `${bar.label || bar.key}${bar.group ? `, ${bar.group}` : ""}: ${describe(bar).join("; ")}`,
				tabindex: key === active ? 0 : -1,
			});
			if (focused && key === active) (option as HTMLElement).focus();
		}
	};
	const legendItems = (dimension: string): Node[] => {
		const [value, reference] = [view.get("value_label"), view.get("reference_label")];
		const marked = view.get("bars").some((bar) => known(bar.chance));
		const key = h("i", { class: "gw-chance-key", "aria-hidden": "true" });
		return [
			...(dimension && value ? [h("span", {}, `${dimension}: ${value}`)] : []),
			...(reference && marked ? [h("span", {}, key, reference)] : []),
		];
	};
	const redraw = perFrame(draw, view.signal);

	listen(chart, "click", (event) => {
		const key = keyOf(event.target);
		if (key === undefined) return;
		active = key;
		choose(key);
	}, view.signal);
	listen(chart, "keydown", (event) => {
		const keys = options().map((option) => (option as HTMLElement).dataset.key as string);
		const at = keys.indexOf(active);
		const to = moveBy(event.key, at, 1, keys.length, 5);
		if (event.key === "Enter" || event.key === " ") choose(active);
		else if (event.key === "Escape" && view.get("selected").length > 0) view.set({ selected: [] });
		else if (to !== null) {
			active = keys[to] ?? active;
			options().forEach((option) => assign(option, { tabindex: (option as HTMLElement).dataset.key === active ? 0 : -1 }));
			(options().find((option) => (option as HTMLElement).dataset.key === active) as HTMLElement | undefined)?.focus();
		} else return;
		event.preventDefault();
	}, view.signal);
	listen(clear, "click", () => {
		view.set({ selected: [] });
		(options()[0] as HTMLElement | undefined)?.focus();
	}, view.signal);
	listen(chart, "pointerover", (event) => point(keyOf(event.target)), view.signal);
	listen(chart, "pointerleave", () => point(undefined), view.signal);
	listen(chart, "focusin", (event) => {
		if ((event.target as Element).matches(":focus-visible")) point(keyOf(event.target));
	}, view.signal);
	listen(chart, "focusout", () => point(undefined), view.signal);
	listen(chart, "scroll", () => point(undefined), view.signal);

	onResize(chart.parentElement as HTMLElement, (now) => {
		if (Math.round(now) === width) return;
		width = Math.round(now);
		redraw();
	}, view.signal);
	view.watch(["bars", "selected", "groups", "signed", "horizontal"], redraw);
	view.watch(["title", "subtitle", "value_label", "reference_label", "note", "message"], redraw);
	draw();
	view.ready();
}


export default { render };
