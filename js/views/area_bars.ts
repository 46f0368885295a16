/** Two amounts per name on a logarithmic axis, and by how much the second differs; a column can be chosen. */
import type { RenderProps } from "@anywidget/types";
import { type AreaBar, amountText, areaLayout, changeText, verdictText } from "../lib/areas";
import { known } from "../lib/format";
import { moveBy } from "../lib/geometry";
import type { Range } from "../lib/scale";
import { AXIS, drawAreas, drawAxes } from "../parts/area_columns";
import { assign, h, listen, onResize, perFrame, setText, svg } from "../parts/dom";
import { tip as readOut } from "../parts/tip";
import { component, type ComponentTraits } from "./component";

export interface AreaBarsTraits extends ComponentTraits {
	bars: AreaBar[];
	selected: string;
	names: string[];
	area_range: number[];
	change_range: number[];
	area_label: string;
	change_label: string;
	title: string;
	subtitle: string;
	note: string;
	message: string;
}

function render(props: RenderProps<AreaBarsTraits>): void {
	const view = component(props, "area-bars");
	const { root, signal } = view;
	const title = h("h3", { class: "gw-title" });
	const clear = h("button", { type: "button", class: "gw-quiet", hidden: true }, "Clear");
	const head = h("div", { class: "gw-chart-head" }, title, clear);
	const subtitle = h("div", { class: "gw-area-of" });
	const axes = svg("svg", { "aria-hidden": "true" });
	const picture = svg("svg", { role: "presentation" });
	const scroll = h("div", { class: "gw-area-scroll", role: "listbox", "aria-orientation": "horizontal" }, picture);
	const plot = h("div", { class: "gw-area-plot" }, axes, scroll);
	const blank = h("div", { class: "gw-blank" });
	const legend = h("div", { class: "gw-area-legend" });
	const note = h("div", { class: "gw-chart-note" });
	const tip = readOut(root);
	view.body.append(head, subtitle, plot, blank, legend, note, tip.element);

	let width = 0;
	let active = "";
	const options = (): SVGElement[] => [...scroll.querySelectorAll<SVGElement>("[role=option]")];
	const optionOf = (key: string): SVGElement | undefined => options().find((option) => option.dataset.key === key);
	const keyOf = (target: EventTarget | null): string | undefined =>
		(target as Element | null)?.closest<SVGElement>("[role=option]")?.dataset.key;

	const describe = (bar: AreaBar): [string, string][] => {
		const [first, second] = view.get("names");
		const interval = known(bar.low) && known(bar.high) ? ` (${changeText(bar.low)} to ${changeText(bar.high)})` : "";
		const rows: [string, string][] = [[first ?? "", amountText(bar.area)]];
		if (known(bar.other)) rows.push([second ?? "", amountText(bar.other)]);
		if (known(bar.change)) rows.push(["change", `${changeText(bar.change)}${interval}`]);
		return rows;
	};
	const choose = (key: string): void => view.set({ selected: view.get("selected") === key ? "" : key });
	const point = (key: string | undefined): void => {
		const [option, bar] = [key && optionOf(key), view.get("bars").find((one) => one.key === key)];
		if (!option || !bar) return tip.hide();
		const rows = describe(bar).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]);
		const [box, home] = [option.getBoundingClientRect(), scroll.getBoundingClientRect()];
		const words = verdictText(bar.verdict);
		tip.show(scroll, box.left - home.left + box.width / 2, 90, [
			h("strong", {}, `${bar.label || bar.key}${bar.group ? ` (${bar.group})` : ""}`),
			h("dl", {}, ...rows),
			...(words ? [h("div", {}, words)] : []),
		]);
	};

	const draw = (): void => {
		const [bars, selected] = [view.get("bars"), view.get("selected")];
		const focused = scroll.contains((root.getRootNode() as Document | ShadowRoot).activeElement);
		setText(title, view.get("title"));
		setText(subtitle, view.get("subtitle"));
		setText(note, view.get("note"));
		setText(blank, view.get("message") || "Nothing is counted yet.");
		clear.hidden = selected === "";
		head.classList.toggle("gw-empty", view.get("title") === "" && selected === "");
		subtitle.hidden = view.get("subtitle") === "";
		note.hidden = view.get("note") === "" || bars.length === 0;
		blank.hidden = bars.length > 0;
		plot.hidden = legend.hidden = bars.length === 0;
		assign(scroll, { "aria-label": view.get("title") || view.get("area_label") || "Area bars" });
		legend.replaceChildren(...legendItems(bars));
		if (bars.length === 0) return picture.replaceChildren();
		if (width === 0) return;
		const [areas, changes] = [view.get("area_range") as unknown as Range, view.get("change_range") as unknown as Range];
		const layout = areaLayout(bars, width - AXIS, areas, changes);
		const said = { areas, changes, areaLabel: view.get("area_label"), changeLabel: view.get("change_label"), selected };
		drawAxes(axes, layout, said);
		drawAreas(picture, layout, said);
		if (!bars.some((bar) => bar.key === active)) active = selected && bars.some((bar) => bar.key === selected) ? selected : (bars[0] as AreaBar).key;
		for (const option of options()) {
			const bar = bars.find((one) => one.key === option.dataset.key) as AreaBar;
			const words = [...describe(bar).map(([name, value]) => `${name} ${value}`), verdictText(bar.verdict)].filter(Boolean);
			assign(option, {
				"aria-selected": String(selected === bar.key),
				"aria-label": `${bar.label || bar.key}${bar.group ? `, ${bar.group}` : ""}: ${words.join("; ")}`,
				tabindex: bar.key === active ? 0 : -1,
			});
		}
		if (focused) optionOf(active)?.focus();
	};
	const legendItems = (bars: readonly AreaBar[]): Node[] => {
		const [first, second] = view.get("names");
		const key = (name: string): HTMLElement => h("i", { class: name, "aria-hidden": "true" });
		const shown = bars.filter((bar) => known(bar.change));
		return [
			h("span", {}, key("gw-key-area"), first),
			...(bars.some((bar) => known(bar.other)) ? [h("span", {}, key("gw-key-other"), second)] : []),
			...(shown.some((bar) => bar.verdict) ? [h("span", {}, key("gw-key-less"), key("gw-key-more"), "less or more than chance explains")] : []),
			...(shown.some((bar) => !bar.verdict) ? [h("span", {}, key("gw-key-chance"), "may be chance")] : []),
		];
	};
	const redraw = perFrame(draw, signal);

	listen(scroll, "click", (event) => {
		const key = keyOf(event.target);
		if (key === undefined) return;
		active = key;
		choose(key);
	}, signal);
	listen(scroll, "keydown", (event) => {
		const keys = options().map((option) => option.dataset.key as string);
		const to = moveBy(event.key, keys.indexOf(active), 1, keys.length, 5);
		if (event.key === "Enter" || event.key === " ") choose(active);
		else if (event.key === "Escape" && view.get("selected") !== "") view.set({ selected: "" });
		else if (to !== null) {
			active = keys[to] ?? active;
			options().forEach((option) => assign(option, { tabindex: option.dataset.key === active ? 0 : -1 }));
			optionOf(active)?.focus();
		} else return;
		event.preventDefault();
	}, signal);
	listen(clear, "click", () => {
		view.set({ selected: "" });
		optionOf(active)?.focus();
	}, signal);
	listen(scroll, "pointerover", (event) => point(keyOf(event.target)), signal);
	listen(scroll, "pointerleave", () => tip.hide(), signal);
	listen(scroll, "focusin", (event) => {
		if ((event.target as Element).matches(":focus-visible")) point(keyOf(event.target));
	}, signal);
	for (const type of ["focusout", "scroll"] as const) listen(scroll, type, () => tip.hide(), signal);

	onResize(view.body, (now) => {
		if (Math.floor(now) === width) return;
		width = Math.floor(now);
		redraw();
	}, signal);
	view.watch(["bars", "selected", "names", "area_range", "change_range", "area_label"], redraw);
	view.watch(["change_label", "title", "subtitle", "note", "message"], redraw);
	draw();
	view.ready();
}

export default { render };
