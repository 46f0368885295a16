/** Edits in order, the newest at the top: mute, weaken, move, delete, undo. Python decides; the list shows what it said. */
import type { RenderProps } from "@anywidget/types";
import { plural } from "../lib/format";
import { type Entry, shown, type Strengths, strengthAfter } from "../lib/stack";
import { h, icon, listen, onPixelRatio, perFrame, setText } from "../parts/dom";
import { type Sheet, SheetCache, type SheetData } from "../parts/sheets";
import { rowDragging } from "../parts/stack_drag";
import { StackRow } from "../parts/stack_row";
import { component, type ComponentTraits } from "./component";

export interface EditStackTraits extends ComponentTraits {
	entries: Entry[];
	sheet: SheetData | null;
	selected: string;
	hovered: string;
	can_undo: boolean;
	can_redo: boolean;
	title: string;
	message: string;
	strengths: number[];
	renamable: boolean;
}

const UNDO = "M5.5 3 2.5 6l3 3 M2.5 6h6.5a4 4 0 0 1 0 8H6";
const REDO = "M10.5 3l3 3-3 3 M13.5 6H7a4 4 0 0 0 0 8h3";

function render(props: RenderProps<EditStackTraits>): void {
	const view = component(props, "edit-stack");
	const { signal, get } = view;
	const cache = new SheetCache(() => redraw(), signal);
	const title = h("h3", { class: "gw-title" });
	const amount = h("span", { class: "gw-faint", role: "status" });
	const undo = h("button", { type: "button", class: "gw-quiet", "aria-label": "Undo" }, icon(UNDO));
	const redo = h("button", { type: "button", class: "gw-quiet", "aria-label": "Redo" }, icon(REDO));
	const list = h("div", { class: "gw-stack", role: "grid", "aria-label": "Edits, the newest first" });
	const blank = h("div", { class: "gw-blank" });
	view.body.append(h("div", { class: "gw-stack-head" }, title, amount, undo, redo), list, blank);

	const rows = new Map<string, StackRow>();
	const weakened = new Map<string, number>(); // strengths under the hand or on their way to Python
	let sheet: Sheet | null = null;
	let active = ""; // the row that Tab leads to
	let dragging = false;

	const ask = async (action: string, fields: Record<string, unknown> = {}): Promise<void> => {
		await view.request(action, fields).catch(() => undefined); // the reason stands in `error`
		if (!signal.aborted) redraw();
	};
	const entry = (id: string): Entry | undefined => get("entries").find((one) => one.id === id);
	const ids = (): string[] => shown(get("entries")).map(({ id }) => id);

	const strengths = (): Strengths => [get("strengths")[0] ?? 0, get("strengths")[1] ?? 1];
	const mute = (id: string): void => void ask("mute", { entry: id, muted: !entry(id)?.muted });
	const remove = (id: string): void => void ask("delete", { entry: id });
	const moveTo = (id: string, to: number): Promise<void> => ask("move", { entry: id, to });
	/** While a hand moves it, a strength is only shown; it is sent when the hand lets go. */
	const weaken = async (id: string, strength: number, done: boolean): Promise<void> => {
		weakened.set(id, strength);
		redraw();
		if (!done) return;
		await ask("strength", { entry: id, strength });
		if (weakened.get(id) === strength) weakened.delete(id);
		redraw();
	};

	const rename = (id: string): void => {
		const [row, name] = [rows.get(id), entry(id)?.title];
		if (!row || name === undefined || !view.live || !get("renamable")) return;
		row.rename(name, (typed) => {
			if (typed !== null && typed.trim() && typed.trim() !== name) void ask("rename", { entry: id, name: typed.trim() });
			if (!signal.aborted) redraw();
		}, signal);
	};

	const draw = (): void => {
		const entries = get("entries");
		const order = ids();
		setText(title, get("title"));
		setText(amount, entries.length > 0 ? plural(entries.length, "edit") : "");
		for (const [button, can, word] of [[undo, get("can_undo"), "Undo (Ctrl-Z)"], [redo, get("can_redo"), "Redo (Ctrl-Shift-Z)"]] as const) {
			button.disabled = !view.live || !can;
			button.title = view.live ? word : `${word} ${view.needs}`;
		}
		list.hidden = entries.length === 0;
		blank.hidden = entries.length > 0;
		setText(blank, get("message") || "No edits yet.");
		if (dragging) return;
		const focused = list.contains(focusOf(list)) ? active : null;
		if (!order.includes(active)) active = order[Math.max(0, Math.min(order.length - 1, place))] ?? "";
		place = order.indexOf(active);
		for (const [id, row] of rows) {
			if (order.includes(id)) continue;
			row.element.remove();
			rows.delete(id);
		}
		order.forEach((id, at) => {
			const row = rows.get(id) ?? new StackRow(id);
			rows.set(id, row);
			if (list.children[at] !== row.element) list.insertBefore(row.element, list.children[at] ?? null);
			row.show(entry(id) as Entry, {
				sheet,
				strength: weakened.get(id) ?? null,
				selected: get("selected") === id,
				hovered: get("hovered") === id,
				active: active === id,
				live: view.live,
				strengths: strengths(),
				renamable: get("renamable"),
				position: order.length - at,
			});
		});
		if (focused !== null && !list.contains(focusOf(list))) rows.get(active)?.element.focus();
	};
	let place = 0; // of the active row: when it is deleted, its neighbour takes over
	const redraw = perFrame(draw, signal);

	const idOf = (event: Event): string => (event.target as Element).closest<HTMLElement>(".gw-stack-row")?.dataset.id ?? "";
	const hover = (id: string): void => {
		if (get("hovered") !== id) view.set({ hovered: id });
		redraw();
	};
	const select = (id: string): void => {
		view.set({ selected: get("selected") === id ? "" : id });
		redraw();
	};
	const focus = (id: string | undefined): void => {
		if (id === undefined) return;
		active = id;
		draw();
		rows.get(id)?.element.focus();
	};

	listen(undo, "click", () => void ask("undo"), signal);
	listen(redo, "click", () => void ask("redo"), signal);
	listen(list, "pointerover", (event) => event.pointerType !== "touch" && hover(idOf(event)), signal);
	listen(list, "pointerleave", () => hover(""), signal);
	listen(list, "focusin", (event) => {
		active = idOf(event) || active;
		hover(active);
	}, signal);
	listen(list, "focusout", (event) => {
		if (!list.contains(event.relatedTarget as Node | null)) hover("");
	}, signal);
	listen(list, "click", (event) => {
		const id = idOf(event);
		const control = (event.target as Element).closest<HTMLElement>("[data-action]")?.dataset.action;
		if (control === "mute") mute(id);
		else if (control === "delete") remove(id);
		else if (control === undefined && id) select(id);
	}, signal);
	listen(list, "dblclick", (event) => {
		if ((event.target as Element).closest("[data-action]") === null) rename(idOf(event));
	}, signal);
	const slid = (done: boolean) => (event: Event): void => {
		const input = event.target as HTMLInputElement;
		if (input.type === "range") void weaken(idOf(event), Number(input.value), done);
	};
	listen(list, "input", slid(false), signal);
	listen(list, "change", slid(true), signal);
	listen(list, "keydown", (event) => {
		const id = idOf(event);
		const one = entry(id);
		if (!one || event.target !== rows.get(id)?.element || event.ctrlKey || event.metaKey) return;
		const order = ids();
		const at = order.indexOf(id);
		const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
		const strength = strengthAfter(event.key, weakened.get(id) ?? one.strength ?? 1, strengths());
		const to = order.length - 1 - at - (step ?? 0); // downwards is earlier
		if (step && event.altKey) {
			if (view.live && to >= 0 && to < order.length) void moveTo(id, to);
		} else if (step) focus(order[Math.max(0, Math.min(order.length - 1, at + step))]);
		else if (event.key === "Home") focus(order[0]);
		else if (event.key === "End") focus(order.at(-1));
		else if (event.key === "Enter" || event.key === " ") select(id);
		else if (event.key === "Escape" && get("selected")) view.set({ selected: "" });
		else if (!view.live || event.altKey) return;
		else if (strength !== null && typeof one.strength === "number") void weaken(id, strength, false);
		else if (event.key === "F2" && get("renamable")) rename(id);
		else if (event.key.toLowerCase() === "m") mute(id);
		else if (event.key === "Delete" || event.key === "Backspace") remove(id);
		else return;
		event.preventDefault();
	}, signal);
	/** The keys let go: what they weakened is sent. */
	const settle = (event: Event): void => {
		const id = idOf(event);
		const strength = weakened.get(id);
		if (strength !== undefined && strength !== entry(id)?.strength && event.target === rows.get(id)?.element) void weaken(id, strength, true);
	};
	listen(list, "keyup", settle, signal);
	listen(list, "focusout", settle, signal);
	listen(view.root, "keydown", (event) => {
		if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
		const key = event.key.toLowerCase();
		if (key === "z" && !event.shiftKey) get("can_undo") && void ask("undo");
		else if (key === "y" || key === "z") get("can_redo") && void ask("redo");
		else return;
		event.preventDefault();
	}, signal);
	rowDragging(list, {
		can: () => view.live && get("entries").length > 1,
		held: (on) => {
			dragging = on;
			if (!on) redraw();
		},
		drop: moveTo,
		position: (id) => get("entries").findIndex((one) => one.id === id),
	}, signal);

	view.watch(["sheet"], () => {
		const data = get("sheet");
		sheet = data ? cache.open(data) : null;
		redraw();
	});
	onPixelRatio(redraw, signal);
	view.watch(["entries", "selected", "hovered", "can_undo", "can_redo", "title", "message", "strengths", "renamable"], redraw);
	view.onLive(redraw);
	const data = get("sheet");
	sheet = data ? cache.open(data) : null;
	draw();
	view.ready();
}

const focusOf = (element: Element): Element | null => (element.getRootNode() as Document | ShadowRoot).activeElement;

export default { render };
