/** Rows that can be dragged up and down by their grip; the others step aside. */
import { aside, moved } from "../lib/stack";
import { listen } from "./dom";

export interface DragRows {
	can(): boolean;
	/** While a row is held the list must not be filled anew. */
	held(on: boolean): void;
	/** The row was dropped at another position of the stack; resolves when Python has answered. */
	drop(id: string, to: number): Promise<void>;
	/** Where an entry stands in the stack. */
	position(id: string): number;
}

export function rowDragging(list: HTMLElement, rows: DragRows, signal: AbortSignal): void {
	let drag: { row: HTMLElement; pointer: number; from: number; to: number; y: number } | null = null;
	const all = (): HTMLElement[] => [...list.querySelectorAll<HTMLElement>(".gw-stack-row")];

	const shift = (by: number): void => {
		if (!drag) return;
		const elements = all();
		const pitch = elements.length > 1 ? (elements[1] as HTMLElement).offsetTop - (elements[0] as HTMLElement).offsetTop || 48 : 48;
		drag.to = Math.max(0, Math.min(elements.length - 1, drag.from + Math.round(by / pitch)));
		elements.forEach((element, at) => {
			const offset = element === drag?.row ? by : pitch * aside(at, drag?.from ?? 0, drag?.to ?? 0);
			element.style.transform = offset ? `translateY(${offset}px)` : "";
		});
	};
	const settle = (): void => {
		for (const element of all()) {
			element.style.transform = "";
			element.classList.remove("gw-dragged");
		}
		list.classList.remove("gw-dragging");
		rows.held(false);
	};
	const end = async (drops: boolean): Promise<void> => {
		if (!drag) return;
		const { row, from, to } = drag;
		const id = row.dataset.id ?? "";
		drag = null;
		if (drops && to !== from) await rows.drop(id, moved(rows.position(id), to - from, all().length));
		if (!signal.aborted) settle();
	};
	listen(list, "pointerdown", (event) => {
		const grip = (event.target as Element).closest(".gw-stack-grip");
		const row = grip?.closest<HTMLElement>(".gw-stack-row");
		if (!row || drag || event.button !== 0 || !event.isPrimary || !rows.can()) return;
		event.preventDefault();
		const from = all().indexOf(row);
		drag = { row, pointer: event.pointerId, from, to: from, y: event.clientY };
		rows.held(true);
		row.classList.add("gw-dragged");
		list.classList.add("gw-dragging");
		list.setPointerCapture?.(event.pointerId);
	}, signal);
	listen(list, "pointermove", (event) => drag?.pointer === event.pointerId && shift(event.clientY - drag.y), signal);
	listen(list, "pointerup", (event) => drag?.pointer === event.pointerId && void end(true), signal);
	listen(list, "pointercancel", () => void end(false), signal);
	listen(list, "keydown", (event) => {
		if (event.key !== "Escape" || !drag) return;
		event.stopPropagation();
		void end(false);
	}, signal, { capture: true });
}
