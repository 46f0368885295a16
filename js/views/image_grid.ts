/** Pictures on one canvas: before, after, what changed; the old frame stays until the new one can be drawn. */
import type { RenderProps } from "@anywidget/types";
import { viridis } from "../lib/colour";
import { cardBox, type Grid, gridLayout, moveBy } from "../lib/geometry";
import { assign, fitCanvas, h, listen, onPixelRatio, onResize, perFrame, setText } from "../parts/dom";
import { magnifier } from "../parts/magnifier";
import { segmented } from "../parts/segmented";
import { type Sheet, SheetCache, type SheetData } from "../parts/sheets";
import { drawTile } from "../parts/strips";
import { component, type ComponentTraits } from "./component";

export interface ImageGridTraits extends ComponentTraits {
	sheets: Record<string, SheetData>;
	show: string;
	captions: string[];
	title: string;
	message: string;
	busy: boolean;
	selected: number[];
	multiple: boolean;
}

const LEAST = 48; // least width of a picture [px]
const MOST = 160; // largest width of a picture [px]
const CAPTION = 18; // [px]
const HOLD = 220; // a press this long compares [ms]

const capital = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ");

function render(props: RenderProps<ImageGridTraits>): void {
	const view = component(props, "image-grid");
	const { signal } = view;
	const cache = new SheetCache(() => redraw(), signal);
	const title = h("h3", { class: "gw-title" });
	const names = segmented("Show", (show) => view.set({ show }), signal);
	const busy = h("div", { class: "gw-busy", role: "status" });
	const canvas = h("canvas", { "aria-hidden": "true" });
	const cells = h("div", { class: "gw-image-cells", role: "grid", "aria-label": "Images" });
	const stage = h("div", { class: "gw-image-stage" }, canvas, cells);
	const blank = h("div", { class: "gw-blank" });
	const [least, most] = [h("span"), h("span")];
	const colours = Array.from({ length: 9 }, (_, i) => viridis(i / 8)).join(", ");
	const band = h("i", { "aria-hidden": "true", style: `background:linear-gradient(to right, ${colours})` });
	const scale = h("div", { class: "gw-image-scale", hidden: true }, least, band, most);
	const legend = h("div", { class: "gw-image-legend", role: "list", "aria-label": "Colours", hidden: true });
	const lens = magnifier(view.root);
	const head = h("div", { class: "gw-image-head" }, title, names.element);
	view.body.append(head, h("div", { class: "gw-image-busy" }, busy), stage, scale, legend, blank, lens.element);

	let opened: Record<string, Sheet> = {};
	let fading: Record<string, Sheet> = {}; // replaced sheets, drawn until their successors are decoded
	let width = 0;
	let grid: Grid = gridLayout({ width: 0, count: 0, minCard: LEAST, cardHeight: () => 1 });
	let focused = 0;
	let hovered = -1;
	let comparing = false;

	const sheetNames = (): string[] => Object.keys(view.get("sheets"));
	const chosen = (): string => (sheetNames().includes(view.get("show")) ? view.get("show") : (sheetNames()[0] ?? ""));
	const visible = (): string => (comparing ? (sheetNames()[0] ?? "") : chosen());
	const count = (data: SheetData): number => data.count ?? 0;
	/** The sheet to draw: the current one when it is decoded, else what it replaces. */
	const drawable = (): Sheet | null => {
		const name = visible();
		return [opened[name], fading[name]].find((sheet) => sheet?.get("image")) ?? null;
	};

	const take = (): void => {
		for (const sheet of Object.values(fading)) if (!Object.values(opened).includes(sheet)) cache.drop(sheet);
		const before = drawable();
		for (const [name, sheet] of Object.entries(opened)) if (sheet !== before && !sheet.get("image")) delete opened[name];
		fading = opened;
		opened = Object.fromEntries(Object.entries(view.get("sheets")).map(([name, data]) => [name, cache.open(data)]));
	};
	const paint = (): void => {
		const sheet = drawable();
		if (!sheet || grid.count === 0) return;
		const [high, total] = [captionHeight(), grid.height];
		const context = fitCanvas(canvas, width, total);
		assign(canvas, { style: `width:${width}px;height:${total}px` });
		if (!context) return;
		context.clearRect(0, 0, width, total);
		for (let i = 0; i < Math.min(grid.count, count(sheet.data)); i++) {
			const box = cardBox(grid, i);
			drawTile(context, sheet, i, "plain", { ...box, height: box.height - high });
		}
		stage.dataset.shown = visible();
	};
	const captionHeight = (): number => (view.get("captions").length > 0 ? CAPTION : 0);

	const draw = (): void => {
		const data = view.get("sheets")[chosen()];
		const captions = view.get("captions");
		setText(title, view.get("title"));
		names.update(sheetNames().map((value) => ({ value, label: capital(value) })), chosen());
		names.element.hidden = sheetNames().length < 2;
		head.classList.toggle("gw-empty", view.get("title") === "" && sheetNames().length < 2);
		busy.classList.toggle("gw-on", view.get("busy"));
		setText(busy, view.get("busy") ? "Updating" : "");
		stage.hidden = !data;
		blank.hidden = Boolean(data);
		setText(blank, view.get("message") || "No images yet.");
		scale.hidden = !data?.scale;
		setText(least, data?.scale?.[0] ?? "");
		setText(most, data?.scale?.[1] ?? "");
		legend.hidden = !data?.legend?.length;
		legend.replaceChildren(...(data?.legend ?? []).map(({ name, color }) => h("span", { role: "listitem" }, h("span", { class: "gw-swatch", style: `--gw-swatch:${color}` }), name)));
		if (!data || width === 0) return;
		const n = count(data);
		const gap = 4;
		const columns = Math.max(1, Math.min(data.columns, n, Math.floor((width + gap) / (LEAST + gap))));
		const side = Math.min(MOST, (width - gap * (columns - 1)) / columns);
		const aspect = (data.tile[1] as number) / (data.tile[0] as number);
		grid = gridLayout({
			width: columns * side + gap * (columns - 1) + 0.5,
			count: n,
			minCard: side - 0.25,
			cardHeight: (cell) => Math.round(cell * aspect) + captionHeight(),
			gap,
			pad: 0,
		});
		stage.style.height = `${grid.height}px`;
		fillCells(n, captions);
		paint();
	};
	const fillCells = (n: number, captions: readonly string[]): void => {
		if (focused >= n) focused = 0;
		assign(cells, { "aria-multiselectable": String(view.get("multiple")) });
		const rows = Math.ceil(n / grid.columns);
		const shape = `${n} ${grid.columns}`;
		if (cells.dataset.shape !== shape) {
			cells.dataset.shape = shape;
			const cell = (index: number): HTMLElement =>
				h("div", { role: "gridcell", class: "gw-image-cell", "data-index": index }, h("span", { class: "gw-caption" }));
			const indices = Array.from({ length: n }, (_, index) => index);
			cells.replaceChildren(
				...Array.from({ length: rows }, (_, row) =>
					h("div", { role: "row" }, ...indices.slice(row * grid.columns, (row + 1) * grid.columns).map(cell)),
				),
			);
		}
		const selected = view.get("selected");
		for (const cell of allCells()) {
			const index = Number(cell.dataset.index);
			const box = cardBox(grid, index);
			const caption = captions[index] ?? "";
			setText(cell.firstElementChild as Element, caption);
			assign(cell, {
				style: `left:${box.x}px;top:${box.y}px;width:${box.width}px;height:${box.height}px`,
				"aria-selected": String(selected.includes(index)),
				"aria-label": `Image ${index + 1} of ${n}, ${chosen()}${caption ? `: ${caption}` : ""}`,
				tabindex: index === focused ? 0 : -1,
			});
		}
	};
	const allCells = (): HTMLElement[] => [...cells.querySelectorAll<HTMLElement>(".gw-image-cell")];
	const indexAt = (event: Event): number =>
		Number((event.target as Element).closest<HTMLElement>(".gw-image-cell")?.dataset.index ?? -1);

	const magnify = (index: number): void => {
		const sheet = drawable();
		const cell = allCells()[index];
		if (!sheet || !cell) return lens.hide();
		const words = [capital(visible()), view.get("captions")[index], `${index + 1} of ${grid.count}`];
		lens.show(sheet, index, cell, words.filter(Boolean).join(" · "));
	};
	const redraw = perFrame(() => {
		draw();
		if (lens.shown) magnify(hovered);
	}, signal);

	// Hover magnifies after a moment; a long press shows the first sheet; a click chooses.
	let hoverTimer: ReturnType<typeof setTimeout> | undefined;
	let holdTimer: ReturnType<typeof setTimeout> | undefined;
	let held = false;
	const compare = (on: boolean): void => {
		if (comparing === on) return;
		comparing = on;
		stage.classList.toggle("gw-comparing", on);
		stage.dataset.compare = on ? capital(sheetNames()[0] ?? "") : "";
		redraw();
	};
	const leave = (): void => {
		clearTimeout(hoverTimer);
		hovered = -1;
		magnify(-1);
	};
	const release = (): void => {
		clearTimeout(holdTimer);
		compare(false);
	};
	signal.addEventListener("abort", () => {
		clearTimeout(hoverTimer);
		clearTimeout(holdTimer);
	}, { once: true });
	listen(cells, "pointerover", (event) => {
		const index = indexAt(event);
		if (index === hovered || event.pointerType === "touch") return;
		clearTimeout(hoverTimer);
		hovered = index;
		if (lens.shown) magnify(index);
		else if (index >= 0) hoverTimer = setTimeout(() => magnify(index), 450);
	}, signal);
	listen(cells, "pointerleave", leave, signal);
	listen(cells, "pointerdown", (event) => {
		held = false;
		if (event.button !== 0 || sheetNames().length < 2 || chosen() === sheetNames()[0]) return;
		holdTimer = setTimeout(() => {
			held = true;
			compare(true);
		}, HOLD);
	}, signal);
	for (const type of ["pointerup", "pointercancel", "pointerleave"] as const) listen(cells, type, release, signal);
	const choose = (index: number): void => {
		if (!view.get("multiple")) return view.set({ selected: [index] });
		const selected = view.get("selected");
		const others = selected.filter((other) => other !== index);
		view.set({ selected: selected.includes(index) ? others : [...others, index].sort((a, b) => a - b) });
	};
	listen(cells, "click", (event) => {
		const index = indexAt(event);
		if (index < 0 || held) return;
		focused = index;
		choose(index);
	}, signal);
	listen(cells, "keydown", (event) => {
		const to = moveBy(event.key, focused, grid.columns, grid.count, 3);
		if (to !== null) {
			focused = to;
			draw();
			allCells()[to]?.focus();
			hovered = to;
			if (lens.shown) magnify(to);
		} else if (event.key === " ") choose(focused);
		else if (event.key === "Enter" || event.key === "z") {
			hovered = focused;
			magnify(lens.shown ? -1 : focused);
		} else if (event.key === "Escape" && lens.shown) leave();
		else if (event.key === "Escape" && view.get("multiple") && view.get("selected").length > 0) view.set({ selected: [] });
		else return;
		event.preventDefault();
	}, signal);
	listen(cells, "focusout", leave, signal);

	onResize(view.body, (now) => {
		if (Math.floor(now) === width) return;
		width = Math.floor(now);
		redraw();
	}, signal);
	onPixelRatio(redraw, signal);
	view.watch(["sheets"], () => {
		take();
		redraw();
	});
	view.watch(["show", "captions", "title", "message", "busy", "selected", "multiple"], redraw);
	take();
	draw();
	view.ready();
}


export default { render };
