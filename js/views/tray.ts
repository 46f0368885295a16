/** A tray of pictures with what was marked in each: a click looks at one again, Delete takes it out. Python decides. */
import type { RenderProps } from "@anywidget/types";
import { assign, fitCanvas, h, icon, ICONS, listen, onPixelRatio, perFrame, setText } from "../parts/dom";
import { type Sheet, SheetCache, type SheetData } from "../parts/sheets";
import { drawTile } from "../parts/strips";
import { component, type ComponentTraits } from "./component";

interface Entry {
	id: string;
	label?: string | null;
	thumbnail?: number | null;
}

export interface TrayTraits extends ComponentTraits {
	entries: Entry[];
	sheet: SheetData | null;
	selected: string;
	title: string;
	color: string;
	message: string;
}

const SIDE = 64; // of a thumbnail [px]

interface Cell {
	element: HTMLElement;
	open: HTMLButtonElement;
	remove: HTMLButtonElement;
	canvas: HTMLCanvasElement;
	label: HTMLElement;
}

function render(props: RenderProps<TrayTraits>): void {
	const view = component(props, "tray");
	const { signal, get } = view;
	const cache = new SheetCache(() => redraw(), signal);
	const swatch = h("span", { class: "gw-swatch", "aria-hidden": "true" });
	const title = h("h3", { class: "gw-title" });
	const amount = h("span", { class: "gw-faint", role: "status" });
	const clear = h("button", { type: "button", class: "gw-quiet gw-tray-clear" }, "Clear");
	const list = h("ul", { class: "gw-tray-list" });
	const blank = h("div", { class: "gw-blank gw-tray-blank" });
	view.body.append(h("div", { class: "gw-tray-head" }, swatch, title, amount, clear), list, blank);

	const cells = new Map<string, Cell>();
	let sheet: Sheet | null = null;
	let before: Sheet | null = null; // shown until the new one is decoded
	let active = ""; // the picture that Tab leads to
	let place = 0;

	const ask = async (action: string, fields: Record<string, unknown> = {}): Promise<void> => {
		await view.request(action, fields).catch(() => undefined); // the reason stands in `error`
		if (!signal.aborted) redraw();
	};
	const make = (id: string): Cell => {
		const canvas = h("canvas", { "aria-hidden": "true" });
		const label = h("span", { class: "gw-tray-label" });
		const open = h("button", { type: "button", class: "gw-tray-open", "data-action": "open" }, canvas, label);
		const remove = h("button", { type: "button", class: "gw-quiet gw-tray-remove", "data-action": "remove", tabindex: -1 }, icon(ICONS.close));
		return { element: h("li", { class: "gw-tray-cell", "data-id": id }, open, remove), open, remove, canvas, label };
	};
	const paint = (canvas: HTMLCanvasElement, { thumbnail }: Entry): void => {
		const source = [sheet, before].find((one) => one?.get("image"));
		if (!source || typeof thumbnail !== "number") return;
		const [width, height] = source.data.tile as [number, number];
		const scale = SIDE / Math.max(width, height);
		const context = fitCanvas(canvas, width * scale, height * scale);
		assign(canvas, { style: `width:${width * scale}px;height:${height * scale}px` });
		const box = { x: 0, y: 0, width: width * scale, height: height * scale };
		if (context) drawTile(context, source, thumbnail, source.data.mask ? "mask" : "plain", box);
	};
	const draw = (): void => {
		const entries = get("entries");
		const ids = entries.map(({ id }) => id);
		setText(title, get("title"));
		setText(amount, entries.length > 0 ? String(entries.length) : "");
		swatch.hidden = !/^#[0-9a-f]{6}$/i.test(get("color"));
		if (!swatch.hidden) swatch.style.setProperty("--gw-swatch", get("color"));
		assign(list, { "aria-label": get("title") || null });
		list.hidden = entries.length === 0;
		blank.hidden = entries.length > 0;
		setText(blank, get("message") || "Nothing yet.");
		clear.hidden = entries.length < 2;
		clear.disabled = !view.live;
		assign(clear, { title: view.live ? "Take all of them out" : view.needs, "aria-label": `Clear ${get("title")}` });
		const root = list.getRootNode() as Document | ShadowRoot;
		const had = list.contains(root.activeElement);
		if (!ids.includes(active)) active = ids[Math.max(0, Math.min(ids.length - 1, place))] ?? "";
		place = Math.max(0, ids.indexOf(active));
		for (const [id, cell] of cells) {
			if (ids.includes(id)) continue;
			cell.element.remove();
			cells.delete(id);
		}
		entries.forEach((entry, at) => {
			const cell = cells.get(entry.id) ?? make(entry.id);
			cells.set(entry.id, cell);
			if (list.children[at] !== cell.element) list.insertBefore(cell.element, list.children[at] ?? null);
			const name = entry.label || `${at + 1}`;
			const chosen = get("selected") === entry.id;
			setText(cell.label, name);
			assign(cell.open, {
				tabindex: entry.id === active ? 0 : -1,
				title: view.live ? "Look at it again (Del takes it out)" : view.needs,
				"aria-label": `${get("title")}: ${name}`,
				"aria-pressed": String(chosen),
			});
			assign(cell.remove, { title: "Take it out", "aria-label": `Take out ${name}` });
			cell.open.disabled = cell.remove.disabled = !view.live;
			paint(cell.canvas, entry);
		});
		if (had && !list.contains(root.activeElement)) cells.get(active)?.open.focus();
	};
	const redraw = perFrame(draw, signal);
	const idOf = (event: Event): string => (event.target as Element).closest<HTMLElement>(".gw-tray-cell")?.dataset.id ?? "";

	listen(clear, "click", () => void ask("clear"), signal);
	listen(list, "click", (event) => {
		const action = (event.target as Element).closest<HTMLElement>("[data-action]")?.dataset.action;
		const id = idOf(event);
		if (!action || !id) return;
		active = id;
		void ask(action, { entry: id });
	}, signal);
	listen(list, "focusin", (event) => {
		active = idOf(event) || active;
		place = get("entries").findIndex(({ id }) => id === active);
	}, signal);
	listen(list, "keydown", (event) => {
		const ids = get("entries").map(({ id }) => id);
		const at = ids.indexOf(idOf(event));
		const to = { ArrowLeft: at - 1, ArrowUp: at - 1, ArrowRight: at + 1, ArrowDown: at + 1, Home: 0, End: ids.length - 1 }[event.key];
		if (at < 0) return;
		if (to !== undefined) {
			active = ids[Math.max(0, Math.min(ids.length - 1, to))] as string;
			draw();
			cells.get(active)?.open.focus();
		} else if (view.live && (event.key === "Delete" || event.key === "Backspace")) void ask("remove", { entry: ids[at] });
		else return;
		event.preventDefault();
	}, signal);

	const take = (): void => {
		if (before && before !== sheet) cache.drop(before);
		if (sheet?.get("image")) before = sheet;
		const data = get("sheet");
		sheet = data ? cache.open(data) : null;
	};
	view.watch(["sheet"], () => {
		take();
		redraw();
	});
	view.watch(["entries", "selected", "title", "color", "message"], redraw);
	view.onLive(redraw);
	onPixelRatio(redraw, signal);
	take();
	draw();
	view.ready();
}

export default { render };
