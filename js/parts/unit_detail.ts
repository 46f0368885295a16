/** One unit opened over the grid: large top images, counter-examples, and the facts. */
import { known, lossOrGain, ratio, UNKNOWN } from "../lib/format";
import type { Row } from "../lib/rows";
import { type UnitWords, unitWords } from "../lib/unit_words";
import { fitCanvas, h, icon, ICONS, listen, setText } from "./dom";
import { type Sheet, type SheetCache, type SheetData, type Strip } from "./sheets";
import { drawTile, type Mode } from "./strips";

export interface Detail {
	unit: number;
	title?: string | null;
	facts?: [string, unknown][] | null;
	top?: SheetData | null;
	counter?: SheetData | null;
}

export interface DetailActions {
	close(): void;
	step(by: number): void;
	toggle(): void;
	cycleMode(): void;
}

export interface DetailState {
	row: Row;
	detail: Detail | null;
	strip: Strip | null;
	mode: Mode;
	selected: boolean;
	/** What a page without Python kept of the unit. */
	kept: { facts: [string, unknown][] | null; counter: Strip | null };
	/** What to say in place of counter-examples while there are none. */
	waiting: string;
	words: UnitWords;
}

export interface DetailView {
	element: HTMLElement;
	readonly open: boolean;
	show(state: DetailState): void;
	hide(): void;
	redraw(): void;
}

const LARGE = 88; // least width of a large tile [px]

export function unitDetail(actions: DetailActions, cache: SheetCache, signal: AbortSignal): DetailView {
	const title = h("h3", { class: "gw-title" });
	const choose = h("button", { type: "button", class: "gw-button" });
	const button = (name: string, path: string): HTMLButtonElement =>
		h("button", { type: "button", class: "gw-quiet", "aria-label": name, title: name }, icon(path));
	const previous = button("Previous unit (←)", ICONS.previous);
	const next = button("Next unit (→)", ICONS.next);
	const close = button("Close (Esc)", ICONS.close);
	const [top, counter] = [gallery(), gallery()];
	const facts = h("table", { class: "gw-facts" });
	const note = h("p", { class: "gw-detail-note" }, unitWords().note);
	const counterTitle = h("h4", {}, unitWords().counter);
	const waiting = h("p", { class: "gw-detail-waiting" });
	const scroll = h(
		"div",
		{ class: "gw-detail-scroll", tabindex: -1 },
		h("section", {}, h("h4", {}, "Most active on"), top.element),
		h("section", {}, counterTitle, counter.element, waiting),
		h("section", {}, h("h4", {}, "Facts"), facts, note),
	);
	const element = h(
		"div",
		{ class: "gw-detail", role: "dialog", "aria-modal": "true", "aria-label": "Unit", hidden: true },
		h("header", {}, title, choose, previous, next, close),
		scroll,
	);

	listen(close, "click", actions.close, signal);
	listen(previous, "click", () => actions.step(-1), signal);
	listen(next, "click", () => actions.step(1), signal);
	listen(choose, "click", actions.toggle, signal);
	listen(element, "keydown", (event) => {
		if (event.key === "Escape") actions.close();
		else if (event.key === "ArrowLeft") actions.step(-1);
		else if (event.key === "ArrowRight") actions.step(1);
		else if (event.key === "m") actions.cycleMode();
		else if (event.key === "Tab") {
			const stops = [...element.querySelectorAll<HTMLElement>("button:not(:disabled)")];
			const active = (element.getRootNode() as Document | ShadowRoot).activeElement as HTMLElement;
			const at = stops.indexOf(active);
			stops[(at + (event.shiftKey ? -1 : 1) + stops.length) % stops.length]?.focus();
		} else return;
		event.preventDefault();
		event.stopPropagation();
	}, signal);

	let state: DetailState | null = null;
	const opened = new Map<SheetData, Sheet>();
	const sheetOf = (data: SheetData): Sheet => {
		const sheet = opened.get(data) ?? cache.open(data);
		opened.set(data, sheet);
		return sheet;
	};
	const redraw = (): void => {
		if (!state) return;
		const { detail, strip, mode, kept } = state;
		const width = scroll.clientWidth - 24;
		if (detail?.top) top.draw(sheetOf(detail.top), 0, size(detail.top), mode, width);
		else if (strip) top.draw(strip.sheet, strip.row * strip.sheet.data.columns, strip.sheet.data.columns, mode, width);
		if (detail?.counter) counter.draw(sheetOf(detail.counter), 0, size(detail.counter), mode, width);
		else if (kept.counter) {
			const { sheet, row } = kept.counter;
			const { columns, counts } = sheet.data;
			counter.draw(sheet, row * columns, counts?.[row] ?? columns, mode, width);
		}
		counter.element.hidden = !detail?.counter && !kept.counter;
	};
	return {
		element,
		get open() {
			return !element.hidden;
		},
		redraw,
		show(now) {
			const fresh = element.hidden || state?.row.unit !== now.row.unit;
			for (const [data, sheet] of opened) {
				if (data === now.detail?.top || data === now.detail?.counter) continue;
				cache.drop(sheet);
				opened.delete(data);
			}
			state = now;
			const { row, detail, words } = now;
			setText(title, detail?.title || `Unit ${row.unit} · ${row.labelled ? row.label : words.unlabelled}`);
			setText(counterTitle, words.counter);
			setText(note, words.note);
			element.setAttribute("aria-label", title.textContent ?? "Unit");
			setText(choose, now.selected ? "Deselect" : "Select");
			const line = ([name, value]: [string, unknown]): HTMLElement =>
				h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value === null ? UNKNOWN : String(value)));
			facts.replaceChildren(...(detail?.facts ?? now.kept.facts ?? factsOf(row, words)).map(line));
			note.hidden = !known(row.chance);
			waiting.hidden = Boolean(detail?.counter || now.kept.counter);
			setText(waiting, now.waiting);
			element.hidden = false;
			if (fresh) scroll.scrollTop = 0;
			redraw();
			if (!element.contains((element.getRootNode() as Document | ShadowRoot).activeElement)) close.focus();
		},
		hide() {
			element.hidden = true;
			state = null;
			for (const sheet of opened.values()) cache.drop(sheet);
			opened.clear();
		},
	};
}

const size = (data: SheetData): number => data.count ?? data.columns * Math.max(1, data.units?.length ?? 1);

interface Gallery {
	element: HTMLCanvasElement;
	draw(sheet: Sheet, first: number, count: number, mode: Mode, width: number): void;
}

/** A canvas with as many large tiles per row as fit. */
function gallery(): Gallery {
	const element = h("canvas", { class: "gw-gallery", role: "img", "aria-label": "Images" });
	return {
		element,
		draw(sheet, first, count, mode, width) {
			if (width <= 0) return;
			const gap = 4;
			const columns = Math.max(1, Math.min(count, Math.floor((width + gap) / (LARGE + gap))));
			const side = Math.min(128, (width - gap * (columns - 1)) / columns);
			const [w, hgt] = sheet.data.tile as [number, number];
			const tall = (side * hgt) / w;
			const rows = Math.ceil(count / columns);
			const [fullWidth, fullHeight] = [columns * (side + gap) - gap, rows * (tall + gap) - gap];
			element.style.width = `${fullWidth}px`;
			element.style.height = `${fullHeight}px`;
			element.setAttribute("aria-label", `${count} images`);
			if (!sheet.get("image")) return;
			const context = fitCanvas(element, fullWidth, fullHeight);
			if (!context) return;
			context.clearRect(0, 0, fullWidth, fullHeight);
			for (let i = 0; i < count; i++) {
				const box = { x: (i % columns) * (side + gap), y: Math.floor(i / columns) * (tall + gap), width: side, height: tall };
				drawTile(context, sheet, first + i, mode, box);
			}
		},
	};
}

function factsOf(row: Row, words: UnitWords): [string, string][] {
	const above = row.above === null ? "" : ` (${words.value} is ${row.above ? "" : "not "}above)`;
	const facts: [string, string][] = [
		[words.label, row.labelled ? row.label : `${words.unlabelled}${row.label ? ` (${words.best}: ${row.label})` : ""}`],
		[words.category, row.labelled && row.category !== row.label ? row.category : ""],
		[words.value, known(row.iou) ? ratio(row.iou, 3) : ""],
		["95 % interval", known(row.low) && known(row.high) ? `${ratio(row.low, 3)} to ${ratio(row.high, 3)}` : ""],
		["Chance level", known(row.chance) ? ratio(row.chance, 3) + above : ""],
		["Without it", known(row.effect) ? `${words.affected || row.label} ${lossOrGain(row.effect)}` : ""],
		["Status", row.status === "ok" ? "" : row.status],
	];
	return facts.filter(([, value]) => value !== "");
}
