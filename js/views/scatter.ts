/** Points on one canvas: read one, choose many with a box that is drawn with the pointer or with the keys. */
import type { RenderProps } from "@anywidget/types";
import { count, type Maybe, plural } from "../lib/format";
import { entryColour } from "../lib/marks";
import { added, type DataPoint, type Key, keyOf, moveSpot, type Spot } from "../lib/points";
import { readable } from "../lib/scale";
import { axes } from "../parts/axes";
import { assign, fitCanvas, h, listen, onPixelRatio, onResize, perFrame, setText, svg, uid } from "../parts/dom";
import { markSample } from "../parts/legend";
import { scatterGestures } from "../parts/scatter_gestures";
import { groupPosition, layoutScatter, paintPoints, type ScatterPlot } from "../parts/scatter_plot";
import { tip as readOut } from "../parts/tip";
import { component, type ComponentTraits } from "./component";

export interface ScatterTraits extends ComponentTraits {
	points: DataPoint[];
	selected: Key[];
	groups: string[];
	x_label: string;
	y_label: string;
	x_percent: boolean;
	y_percent: boolean;
	note: string;
	title: string;
	message: string;
}

const KEYS = "Arrows: points · Space: choose · Shift + arrows: box, then Enter";

function render(props: RenderProps<ScatterTraits>): void {
	const view = component(props, "scatter");
	const { root, signal } = view;
	const title = h("h3", { class: "gw-title" });
	const chosen = h("span", { class: "gw-count", role: "status" });
	const clear = h("button", { type: "button", class: "gw-quiet" }, "Clear");
	const head = h("div", { class: "gw-chart-head" }, title, chosen, clear);
	const yTitle = h("div", { class: "gw-axis-title gw-y", "aria-hidden": "true" });
	const xTitle = h("div", { class: "gw-axis-title gw-x", "aria-hidden": "true" });
	const picture = svg("svg", { "aria-hidden": "true" });
	const canvas = h("canvas", { "aria-hidden": "true" });
	const box = h("div", { class: "gw-box", hidden: true });
	const option = h("div", { class: "gw-sr", role: "option", id: uid("point") });
	const keys = h("div", { class: "gw-scatter-keys", "aria-hidden": "true" }, KEYS);
	const plot = h("div", { class: "gw-plot", role: "listbox", "aria-multiselectable": "true", tabindex: 0 }, picture, canvas, box, option, keys);
	const blank = h("div", { class: "gw-blank" });
	const legend = h("div", { class: "gw-chart-legend", role: "group", "aria-label": "Groups" });
	const note = h("div", { class: "gw-chart-note" });
	const tip = readOut(root);
	view.body.append(head, yTitle, plot, xTitle, blank, legend, note, tip.element);

	let width = 0;
	let drawn: ScatterPlot | null = null;
	const dark = (): boolean => root.dataset.theme === "dark";
	const point = (index: number): DataPoint => view.get("points")[index] as DataPoint;
	const position = (index: number): number => groupPosition(point(index), drawn?.groups ?? []);
	const keysOf = (group: string): Key[] => (drawn?.spots ?? []).filter(({ index }) => point(index).group === group).map(({ key }) => key);
	const number = (axis: "x" | "y", value: Maybe): string => readable(value, view.get(`${axis}_percent`));
	const nameOf = (index: number): string => point(index).label || String(keyOf(point(index), index));

	const draw = (): void => {
		const [points, groups] = [view.get("points"), view.get("groups")];
		drawn = layoutScatter({ points, groups, x_percent: view.get("x_percent"), y_percent: view.get("y_percent") }, width);
		const waiting = points.length > 0 && width === 0;
		for (const part of [plot, xTitle, yTitle]) part.hidden = !drawn && !waiting;
		blank.hidden = drawn !== null || waiting;
		setText(blank, view.get("message") || (points.length > 0 ? "No point has two known numbers yet." : "No points yet."));
		setText(title, view.get("title"));
		setText(yTitle, view.get("y_label") ? `↑ ${view.get("y_label")}` : "");
		setText(xTitle, view.get("x_label") ? `${view.get("x_label")} →` : "");
		assign(yTitle, { title: view.get("y_label") });
		assign(xTitle, { title: view.get("x_label") });
		const across = `${view.get("y_label") || "y"} against ${view.get("x_label") || "x"}`;
		assign(plot, { "aria-label": [view.get("title"), across].filter(Boolean).join(": ") });
		const lost = points.length - (drawn?.spots.length ?? points.length);
		const missing = lost > 0 ? `${plural(lost, "point")} without a known place ${lost === 1 ? "is" : "are"} not drawn.` : "";
		setText(note, [view.get("note"), missing].filter(Boolean).join(" "));
		note.hidden = note.textContent === "";
		gestures.forget();
		if (!drawn?.spots.some(({ index }) => index === gestures.active)) gestures.active = moveSpot("Home", drawn?.spots ?? [], -1)?.index ?? -1;
		if (drawn) {
			assign(picture, { width: drawn.width, height: drawn.height, viewBox: `0 0 ${drawn.width} ${drawn.height}` });
			picture.replaceChildren(axes(drawn.frame, drawn.xs, drawn.ys, true));
		}
		drawLegend();
		paint();
	};
	const drawLegend = (): void => {
		const groups = drawn?.groups ?? [];
		const selected = new Set(view.get("selected"));
		const items = groups.map((name, at) => {
			const own = keysOf(name);
			const all = own.length > 0 && own.every((key) => selected.has(key));
			return h(
				"button",
				{ type: "button", "data-name": name, title: `Choose all of ${name}`, "aria-pressed": String(all) },
				markSample(entryColour(at), at, dark()),
				h("span", {}, name),
				h("span", { class: "gw-faint" }, count(own.length)),
			);
		});
		const held = (root.getRootNode() as Document | ShadowRoot).activeElement as HTMLElement | null;
		const name = held && legend.contains(held) ? held.dataset.name : undefined;
		legend.replaceChildren(...items);
		legend.hidden = groups.length < 2;
		if (name !== undefined) items.find((item) => item.dataset.name === name)?.focus();
	};

	/** The points, the box, the read-out and the counts: what changes while a person points or draws. */
	const paint = (): void => {
		const selected = new Set(gestures.preview());
		const [inside, here] = [gestures.inside().length, gestures.read()];
		const n = drawn?.spots.filter(({ key }) => selected.has(key)).length ?? 0;
		const some = n > 0 ? `${count(n)} of ${plural(drawn?.spots.length ?? 0, "point")}` : "";
		setText(chosen, gestures.box() ? `${count(inside)} in the box` : some);
		chosen.hidden = chosen.textContent === "";
		clear.hidden = !drawn || view.get("selected").length === 0;
		head.classList.toggle("gw-empty", view.get("title") === "" && chosen.hidden && clear.hidden);
		sayActive();
		drawBox();
		if (!drawn) return tip.hide();
		const context = fitCanvas(canvas, drawn.width, drawn.height);
		assign(canvas, { style: `width:${drawn.width}px;height:${drawn.height}px` });
		if (context) {
			context.clearRect(0, 0, drawn.width, drawn.height);
			paintPoints(context, drawn, { points: view.get("points"), selected, active: here[0]?.index ?? -1, dark: dark() });
		}
		if (here[0]) tip.show(plot, here[0].x, here[0].y, describe(here));
		else tip.hide();
	};
	const drawBox = (): void => {
		const area = gestures.box();
		box.hidden = !area;
		if (!area) return;
		const { x0, y0, x1, y1 } = area;
		const [left, top, wide, high] = [Math.min(x0, x1), Math.min(y0, y1), Math.abs(x1 - x0), Math.abs(y1 - y0)].map(Math.round);
		assign(box, { style: `left:${left}px;top:${top}px;width:${wide}px;height:${high}px` });
	};
	const describe = (here: readonly Spot[]): Node[] => {
		const { index } = here[0] as Spot;
		const { x, y, group } = point(index);
		const list = h("dl");
		if (group) list.append(h("dt", {}, markSample(entryColour(position(index)), position(index), dark()), h("span", {}, group)), h("dd"));
		for (const [axis, value] of [["x", x], ["y", y]] as const) {
			list.append(h("dt", {}, h("span", {}, view.get(`${axis}_label`) || axis)), h("dd", {}, number(axis, value)));
		}
		const more = here.length > 1 ? [h("div", {}, `and ${count(here.length - 1)} more here`)] : [];
		return [h("strong", {}, nameOf(index)), list, ...more];
	};
	/** The one option of the list that is on the page: the active point. */
	const sayActive = (): void => {
		const index = drawn ? gestures.active : -1;
		assign(plot, { "aria-activedescendant": index >= 0 ? option.id : null });
		if (index < 0) return setText(option, "");
		const { x, y, group } = point(index);
		const place = `${view.get("x_label") || "x"} ${number("x", x)}, ${view.get("y_label") || "y"} ${number("y", y)}`;
		setText(option, [nameOf(index), group, place].filter(Boolean).join(", "));
		assign(option, {
			"aria-selected": String(view.get("selected").includes(keyOf(point(index), index))),
			"aria-setsize": view.get("points").length,
			"aria-posinset": index + 1,
		});
	};
	const repaint = perFrame(paint, signal);
	const redraw = perFrame(draw, signal);
	const gestures = scatterGestures(
		{ plot, plan: () => drawn, selected: () => view.get("selected"), commit: (selected) => view.set({ selected }), changed: repaint },
		signal,
	);

	listen(clear, "click", () => {
		view.set({ selected: [] });
		plot.focus();
	}, signal);
	listen(legend, "click", (event) => {
		const name = (event.target as Element).closest<HTMLElement>("[data-name]")?.dataset.name;
		if (name === undefined) return;
		const [own, selected] = [keysOf(name), view.get("selected")];
		const all = own.every((key) => selected.includes(key));
		view.set({ selected: all ? selected.filter((key) => !own.includes(key)) : added(selected, own) });
	}, signal);

	onResize(view.body, (now) => {
		if (Math.floor(now) === width) return;
		width = Math.floor(now);
		draw();
	}, signal);
	onPixelRatio(redraw, signal);
	view.onTheme(redraw);
	view.watch(["points", "groups", "x_label", "y_label", "x_percent", "y_percent", "note", "title", "message"], redraw);
	view.watch(["selected"], () => {
		drawLegend();
		repaint();
	});
	draw();
	view.ready();
}

export default { render };
