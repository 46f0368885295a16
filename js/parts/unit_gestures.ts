/** What a person does with cards: clicks, double clicks and keys, turned into steps of the selection. */
import { moveBy } from "../lib/geometry";
import { all, only, range, type Selection, toggle } from "../lib/selection";
import { listen } from "./dom";

export interface Cards {
	element: HTMLElement;
	/** Numbers of the shown units, in their order. */
	order(): number[];
	columns(): number;
	pageRows(): number;
	selection(): Selection;
	commit(next: Selection): void;
	/** The unit that the keys act on. */
	focused(): number | null;
	/** Makes another unit the one that the keys act on, brings it into view and gives it the focus. */
	moveTo(unit: number): void;
	/** Makes a unit the one that the keys act on, as it has the focus already. */
	take(unit: number): void;
	open(unit: number): void;
}

export function unitGestures(cards: Cards, signal: AbortSignal): void {
	pointer(cards, signal);
	keys(cards, signal);
}

function unitAt(event: Event): number | null {
	const card = (event.target as Element).closest<HTMLElement>("[data-unit]");
	return card ? Number(card.dataset.unit) : null;
}

const hits = (event: Event, selector: string): boolean => (event.target as Element).closest(selector) !== null;

function pointer(cards: Cards, signal: AbortSignal): void {
	const { element } = cards;
	let before = cards.selection(); // before the first click of a double click
	listen(element, "click", (event) => {
		const unit = unitAt(event);
		if (unit === null) return;
		const box = hits(event, ".gw-card-box");
		const command = event.ctrlKey || event.metaKey;
		cards.take(unit);
		if (hits(event, ".gw-card-open")) return cards.open(unit);
		if (event.detail > 1 && !box) return; // the second half of a double click
		before = cards.selection();
		if (event.shiftKey) cards.commit(range(before, unit, cards.order(), command));
		else cards.commit(command || box ? toggle(before, unit) : only(before, unit));
	}, signal);
	listen(element, "dblclick", (event) => {
		const unit = unitAt(event);
		if (unit === null || hits(event, ".gw-card-box, .gw-card-open")) return;
		cards.commit(before); // opening a unit selects nothing
		cards.open(unit);
	}, signal);
	listen(element, "focusin", (event) => {
		const unit = unitAt(event);
		if (unit !== null && unit !== cards.focused()) cards.take(unit);
	}, signal);
}

function keys(cards: Cards, signal: AbortSignal): void {
	let typed = "";
	let typedAt = 0;

	const move = (event: KeyboardEvent, unit: number, to: number): void => {
		const order = cards.order();
		const target = order[to] as number;
		if (event.shiftKey) {
			const { units, anchor } = cards.selection();
			cards.commit(range({ units, anchor: anchor ?? unit }, target, order));
		}
		cards.moveTo(target);
	};
	/** Digits typed one after the other lead to the unit with that number. */
	const type = (event: KeyboardEvent): void => {
		typed = event.timeStamp - typedAt > 800 ? event.key : typed + event.key;
		typedAt = event.timeStamp;
		if (cards.order().includes(Number(typed))) cards.moveTo(Number(typed));
	};
	listen(cards.element, "keydown", (event) => {
		const unit = cards.focused();
		const order = cards.order();
		if (unit === null || event.altKey) return;
		const command = event.ctrlKey || event.metaKey;
		const selection = cards.selection();
		const to = command ? null : moveBy(event.key, order.indexOf(unit), cards.columns(), order.length, cards.pageRows());
		if (to !== null) move(event, unit, to);
		else if (event.key === " " && event.shiftKey) cards.commit(range(selection, unit, order, true));
		else if (event.key === " ") cards.commit(toggle(selection, unit));
		else if (event.key === "Enter") cards.open(unit);
		else if (event.key === "Escape" && selection.units.size > 0) cards.commit({ units: new Set(), anchor: null });
		else if (event.key.toLowerCase() === "a" && command) cards.commit(all(selection, order));
		else if (/^\d$/.test(event.key) && !command) type(event);
		else return;
		event.preventDefault();
	}, signal);
}
