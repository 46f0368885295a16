/** Lines over one axis, with intervals and a band to compare with; a place on the x axis can be read and chosen. */
import type { RenderProps } from "@anywidget/types";
import { type Band, type Line, nearestPlace, readings } from "../lib/curves";
import { known, type Maybe } from "../lib/format";
import { moveBy } from "../lib/geometry";
import { pen, shapePath } from "../lib/marks";
import { readable, textWidth } from "../lib/scale";
import { type CurvePlot, drawBack, drawEntry, layoutCurve } from "../parts/curve_plot";
import { legendItems, readOutAt, sentenceAt } from "../parts/curve_words";
import { assign, h, listen, onResize, perFrame, setText, svg, uid } from "../parts/dom";
import { tip as readOut } from "../parts/tip";
import { component, type ComponentTraits } from "./component";

export interface CurveTraits extends ComponentTraits {
	lines: Line[];
	band: Partial<Band>;
	x_label: string;
	y_label: string;
	log_x: boolean;
	y_percent: boolean;
	y_range: Maybe[];
	hidden: string[];
	chosen: number | null;
	title: string;
	note: string;
	message: string;
}

function render(props: RenderProps<CurveTraits>): void {
	const view = component(props, "curve");
	const { root, signal } = view;
	const title = h("h3", { class: "gw-title" });
	const head = h("div", { class: "gw-chart-head" }, title);
	const yTitle = h("div", { class: "gw-axis-title gw-y", "aria-hidden": "true" });
	const xTitle = h("div", { class: "gw-axis-title gw-x", "aria-hidden": "true" });
	const [window, clip] = [svg("rect"), uid("clip")]; // a fixed range of y cuts the lines off
	const layers = { back: svg("g"), lines: svg("g", { "clip-path": `url(#${clip})` }), pin: svg("g", { class: "gw-pin" }), cursor: svg("g", { class: "gw-cursor" }) };
	const picture = svg("svg", { "aria-hidden": "true" }, svg("clipPath", { id: clip }, window), ...Object.values(layers));
	const plot = h("div", { class: "gw-plot", role: "slider", tabindex: 0 }, picture);
	const blank = h("div", { class: "gw-blank" });
	const legend = h("div", { class: "gw-chart-legend", role: "group", "aria-label": "Lines" });
	const note = h("div", { class: "gw-chart-note" });
	const tip = readOut(root);
	view.body.append(head, yTitle, plot, xTitle, blank, legend, note, tip.element);

	let width = 0;
	let drawn: CurvePlot | null = null;
	let reading: number | null = null; // the x that is read out
	const dark = (): boolean => root.dataset.theme === "dark";
	const data = () => {
		const [lines, band, hidden, y_range] = [view.get("lines"), view.get("band"), view.get("hidden"), view.get("y_range")];
		return { lines, band, hidden, y_range, log_x: view.get("log_x"), y_percent: view.get("y_percent"), x_label: view.get("x_label") };
	};

	const draw = (): void => {
		drawn = layoutCurve(data(), width);
		const waiting = view.get("lines").length > 0 && width === 0;
		for (const part of [plot, xTitle, yTitle]) part.hidden = !drawn && !waiting;
		blank.hidden = drawn !== null || waiting;
		setText(title, view.get("title"));
		setText(note, view.get("note"));
		note.hidden = view.get("note") === "";
		head.classList.toggle("gw-empty", view.get("title") === "");
		setText(yTitle, view.get("y_label") ? `↑ ${view.get("y_label")}` : "");
		setText(xTitle, view.get("x_label") ? `${view.get("x_label")} →` : "");
		assign(yTitle, { title: view.get("y_label") });
		assign(xTitle, { title: view.get("x_label") });
		setText(blank, view.get("message") || (view.get("lines").length > 0 ? "No number is known yet." : "No lines yet."));
		if (drawn) drawPlot(drawn);
		drawLegend();
		drawPin();
		read(reading);
	};
	const drawPlot = (plan: CurvePlot): void => {
		assign(picture, { width: plan.width, height: plan.height, viewBox: `0 0 ${plan.width} ${plan.height}` });
		assign(window, { x: 0, y: plan.frame.top - 6, width: plan.width, height: plan.frame.bottom - plan.frame.top + 12 });
		layers.back.replaceChildren(...drawBack(plan));
		layers.lines.replaceChildren(...plan.shown.map((entry) => drawEntry(entry, plan, dark())));
	};
	const drawLegend = (): void => {
		const held = (root.getRootNode() as Document | ShadowRoot).activeElement as HTMLElement | null;
		const name = held && legend.contains(held) ? held.dataset.name : undefined;
		const items = legendItems(data(), drawn?.shapes ?? true, dark());
		legend.replaceChildren(...items);
		legend.hidden = !drawn || (items.length < 2 && view.get("hidden").length === 0);
		if (name !== undefined) items.find((item) => item.dataset.name === name)?.focus();
	};
	const drawPin = (): void => {
		const chosen = view.get("chosen");
		layers.pin.replaceChildren();
		if (!drawn || !known(chosen) || chosen < (drawn.places[0] as number) || chosen > (drawn.places.at(-1) as number)) return;
		const { frame, atX } = drawn;
		const text = readable(chosen);
		const wide = textWidth(text) + 12;
		const middle = Math.max(wide / 2, Math.min(width - wide / 2, atX(chosen)));
		layers.pin.append(
			svg("line", { x1: atX(chosen), x2: atX(chosen), y1: frame.top, y2: frame.bottom }),
			svg("rect", { x: middle - wide / 2, y: frame.bottom + 4, width: wide, height: 18, rx: 4 }),
			svg("text", { x: middle, y: frame.bottom + 17, "text-anchor": "middle" }, text),
		);
	};

	/** Reads out what stands at `x`; null ends it. */
	const read = (x: number | null): void => {
		layers.cursor.replaceChildren();
		reading = drawn?.places.includes(x as number) ? x : null;
		const heard = reading ?? view.get("chosen") ?? drawn?.places[0] ?? 0;
		assign(plot, {
			"aria-label": [view.get("title"), view.get("y_label")].filter(Boolean).join(": ") || "Curve",
			"aria-valuemin": drawn?.places[0] ?? 0,
			"aria-valuemax": drawn?.places.at(-1) ?? 0,
			"aria-valuenow": heard,
			"aria-valuetext": drawn ? sentenceAt(heard, drawn, data()) : "empty",
		});
		if (!drawn || reading === null) return tip.hide();
		const { frame, atX, atY } = drawn;
		const at = atX(reading);
		const found = readings(drawn.shown, reading).map(({ entry, point }) => ({ entry, at: atY(point.y as number) }));
		const middle = found.length > 0 ? found.reduce((sum, one) => sum + one.at, 0) / found.length : (frame.top + frame.bottom) / 2;
		layers.cursor.append(
			svg("line", { x1: at, x2: at, y1: frame.top, y2: frame.bottom }),
			...found.map((one) => svg("path", { d: shapePath(one.entry.position, 5, at, one.at), style: `fill:${pen(one.entry.colour, dark())}` })),
		);
		tip.show(plot, at, middle, readOutAt(reading, drawn, data(), dark()));
	};
	const choose = (x: number | null): void => view.set({ chosen: x === view.get("chosen") ? null : x });

	const placeAt = (event: MouseEvent): number | null => {
		if (!drawn) return null;
		return drawn.places[nearestPlace(drawn.places, drawn.atX, event.clientX - plot.getBoundingClientRect().left)] ?? null;
	};
	listen(plot, "pointermove", (event) => read(placeAt(event)), signal);
	listen(plot, "pointerdown", (event) => read(placeAt(event)), signal);
	listen(plot, "pointerleave", () => read(null), signal);
	listen(plot, "click", (event) => choose(placeAt(event)), signal);
	listen(plot, "focus", () => {
		if (plot.matches(":focus-visible")) read(reading ?? view.get("chosen") ?? drawn?.places[0] ?? null);
	}, signal);
	listen(plot, "blur", () => read(null), signal);
	listen(plot, "keydown", (event) => {
		if (!drawn) return;
		const { places, atX } = drawn;
		const [from, chosen] = [reading ?? view.get("chosen"), view.get("chosen")];
		const at = known(from) ? nearestPlace(places, atX, atX(from)) : -1;
		const along = { ArrowUp: "ArrowRight", ArrowDown: "ArrowLeft" }[event.key] ?? event.key; // a slider grows upwards
		const to = moveBy(along, at, 1, places.length, Math.max(2, Math.round(places.length / 10)));
		if (to !== null) read(places[to] ?? null);
		else if ((event.key === "Enter" || event.key === " ") && reading !== null) choose(reading);
		else if (event.key === "Escape" && (reading !== null || chosen !== null)) {
			if (reading === null || reading === chosen) view.set({ chosen: null });
			read(null);
		} else return;
		event.preventDefault();
	}, signal);

	const nameOf = (event: Event): string | undefined => (event.target as Element).closest<HTMLElement>("[data-name]")?.dataset.name;
	const emphasise = (name: string | undefined): void => {
		const there = drawn?.shown.some((entry) => entry.name === name) ?? false;
		for (const group of layers.lines.children) group.classList.toggle("gw-away", there && (group as SVGElement).dataset.name !== name);
	};
	listen(legend, "click", (event) => {
		const name = nameOf(event);
		if (name === undefined) return;
		const hidden = view.get("hidden");
		view.set({ hidden: hidden.includes(name) ? hidden.filter((other) => other !== name) : [...hidden, name] });
	}, signal);
	listen(legend, "pointerover", (event) => emphasise(nameOf(event)), signal);
	listen(legend, "pointerleave", () => emphasise(undefined), signal);

	onResize(view.body, (now) => {
		if (Math.floor(now) === width) return;
		width = Math.floor(now);
		draw();
	}, signal);
	const redraw = perFrame(draw, signal);
	view.onTheme(redraw);
	view.watch(["lines", "band", "x_label", "y_label", "log_x", "y_percent", "y_range", "hidden", "title", "note", "message"], redraw);
	view.watch(["chosen"], redraw);
	draw();
	view.ready();
}

export default { render };
