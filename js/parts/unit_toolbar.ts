/** Above the cards: filter, category, sort order and what the strips show. Below them: how many, select all, clear. */
import { count, plural } from "../lib/format";
import { type Sort, UNLABELLED } from "../lib/rows";
import type { UnitWords } from "../lib/unit_words";
import { assign, h, icon, ICONS, listen, setText, uid } from "./dom";
import { segmented } from "./segmented";
import type { Mode } from "./strips";

export interface ToolbarState {
	query: string;
	category: string;
	categories: readonly string[];
	unlabelled: boolean;
	concepts: readonly string[];
	sort: Sort;
	effects: boolean;
	mode: Mode;
	modes: readonly Mode[];
	shown: number;
	total: number;
	selected: number;
	hidden: number;
	legend: readonly { name: string; color: string }[];
	words: UnitWords;
}

export interface ToolbarActions {
	set(values: Partial<{ query: string; category: string; concepts: string[]; sort: Sort; mode: Mode }>): void;
	selectAll(): void;
	clear(): void;
	toCards(): void;
}

const MODE_WORDS: Record<Mode, string> = { mask: "Mask", segmentation: "Segmentation", plain: "Plain" };
const SORTS: readonly Sort[] = ["iou", "label", "unit", "effect"];

export interface Toolbar {
	head: HTMLElement;
	foot: HTMLElement;
	search: HTMLInputElement;
	update(state: ToolbarState): void;
}

export function unitToolbar(actions: ToolbarActions, signal: AbortSignal): Toolbar {
	const sortId = uid("sort");
	const chips = h("span", { class: "gw-chips" });
	const search = h("input", {
		type: "text",
		class: "gw-search-input",
		placeholder: "Filter units…",
		title: "A name, a number (17) or a range (10-20); press / to get here",
		"aria-label": "Filter by number or name",
		spellcheck: "false",
		autocomplete: "off",
	});
	const category = h("select", { class: "gw-select" });
	const sort = h("select", { class: "gw-select", id: sortId });
	const mode = segmented("What the images show (m)", (value) => actions.set({ mode: value as Mode }), signal);
	const legend = h("div", { class: "gw-legend", role: "list", "aria-label": "Colours of the segmentation" });
	const numbers = h("span", { class: "gw-count", role: "status" });
	const all = h("button", { type: "button", class: "gw-quiet" }, "Select all shown");
	const clear = h("button", { type: "button", class: "gw-quiet" }, "Clear");

	listen(search, "input", () => actions.set({ query: search.value }), signal);
	listen(search, "keydown", (event) => {
		const last = [...chips.querySelectorAll("button")].at(-1);
		if (event.key === "ArrowDown" || event.key === "Enter") actions.toCards();
		else if (event.key === "Escape" && search.value) {
			search.value = "";
			actions.set({ query: "" });
		} else if (event.key === "Backspace" && search.value === "" && last) last.click();
		else return;
		event.preventDefault();
	}, signal);
	listen(category, "change", () => actions.set({ category: category.value }), signal);
	listen(sort, "change", () => actions.set({ sort: sort.value as Sort }), signal);
	listen(all, "click", actions.selectAll, signal);
	listen(clear, "click", actions.clear, signal);

	let state: ToolbarState | null = null;
	listen(chips, "click", (event) => {
		const removed = (event.target as Element).closest("button")?.dataset.concept;
		if (removed === undefined || !state) return;
		actions.set({ concepts: state.concepts.filter((concept) => concept !== removed) });
		search.focus();
	}, signal);

	return {
		search,
		head: h(
			"div",
			{ class: "gw-toolbar", role: "toolbar", "aria-label": "Units" },
			h("label", { class: "gw-search" }, icon(ICONS.search), chips, search),
			category,
			mode.element,
			h("span", { class: "gw-sort" }, h("label", { for: sortId }, "Sort"), sort),
			legend,
		),
		foot: h("div", { class: "gw-footbar" }, numbers, all, clear),
		update(next) {
			state = next;
			if (search.value !== next.query) search.value = next.query;
			chips.replaceChildren(...next.concepts.map(chip));
			const names = next.unlabelled ? [...next.categories, UNLABELLED] : next.categories;
			const { words } = next;
			const named = names.map((name) => [name, name === UNLABELLED ? words.unlabelled : name] as const);
			options(category, [["", words.categories], ...named], next.category);
			assign(category, { "aria-label": words.category });
			category.hidden = next.categories.length === 0 && !next.category;
			const withEffect = next.effects || next.sort === "effect";
			const sortWords: Record<Sort, string> = { iou: words.value, label: words.label, unit: "Unit", effect: words.effect };
			const sorts = SORTS.filter((name) => name !== "effect" || withEffect);
			options(sort, sorts.map((name) => [name, sortWords[name]]), next.sort);
			mode.element.hidden = next.modes.length < 2;
			mode.update(next.modes.map((value) => ({ value, label: MODE_WORDS[value] })), next.mode);
			legend.hidden = next.mode !== "segmentation" || next.legend.length === 0;
			legend.replaceChildren(...(legend.hidden ? [] : next.legend.map(legendItem)));
			setText(numbers, amounts(next));
			all.disabled = next.shown === 0;
			clear.disabled = next.selected === 0;
		},
	};
}

function chip(concept: string): HTMLElement {
	const words = `Stop showing only ${concept}`;
	const close = h("button", { type: "button", class: "gw-quiet", "data-concept": concept, "aria-label": words }, icon(ICONS.close));
	return h("span", { class: "gw-chip" }, concept, close);
}

function legendItem({ name, color }: { name: string; color: string }): HTMLElement {
	return h("span", { role: "listitem" }, h("span", { class: "gw-swatch", style: `--gw-swatch:${cssColour(color)}` }), name);
}

/** "38 of 64 units · 12 selected (2 hidden)". */
function amounts({ shown, total, selected, hidden }: ToolbarState): string {
	const units = shown === total ? plural(total, "unit") : `${count(shown)} of ${plural(total, "unit")}`;
	if (selected === 0) return units;
	return `${units} · ${count(selected)} selected${hidden > 0 ? ` (${count(hidden)} hidden)` : ""}`;
}

/** Fills a select; keeps the elements when nothing changed, so that an open list stays open. */
function options(select: HTMLSelectElement, entries: readonly (readonly [string, string])[], chosen: string): void {
	const shape = JSON.stringify(entries);
	if (select.dataset.shape !== shape) {
		select.dataset.shape = shape;
		select.replaceChildren(...entries.map(([value, text]) => h("option", { value }, text)));
	}
	select.value = entries.some(([value]) => value === chosen) ? chosen : "";
	assign(select, { "data-value": chosen });
}

/** A hex colour, or nothing: strings from data do not become style rules. */
const cssColour = (text: string): string => (/^#[0-9a-f]{3,8}$/i.test(text) ? text : "gray");
