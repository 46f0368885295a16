/** Painting with the keys alone: arrows move the brush, Space or Enter dabs, arrows with Space held draw a line. */
import { listen } from "./dom";
import type { Held } from "./paint_pointers";

export interface KeyActions {
	/** Puts the brush somewhere on the picture [its pixels] and shows it there. */
	aim(x: number, y: number): void;
	/** Where the brush is: where the keys put it, or where the pointer is. */
	where(): { x: number; y: number };
	/** Whether the keys have the brush (and not the pointer). */
	aiming(): boolean;
	/** Steps of the arrow keys [pixels of the picture]. */
	step(): number;
	begin(x: number, y: number): boolean;
	extend(x: number, y: number): void;
	finish(): void;
	cancel(): boolean;
	/** Everything else: tools, sizes, zoom; true when the key meant something. */
	other(key: string): boolean;
}

const ARROWS: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export function paintKeys(stage: HTMLElement, actions: KeyActions, held: Held, signal: AbortSignal): void {
	let line = false;

	const move = ([dx, dy]: [number, number], fine: boolean): void => {
		const step = fine ? 1 : actions.step();
		const from = actions.where();
		if (held.space && !line) line = actions.begin(from.x, from.y);
		actions.aim(from.x + dx * step, from.y + dy * step);
		const to = actions.where();
		if (line) actions.extend(to.x, to.y);
	};
	const dab = (): void => {
		const { x, y } = actions.where();
		actions.aim(x, y);
		if (actions.begin(x, y)) actions.finish();
	};
	const release = (dabs: boolean): void => {
		const wasHeld = held.space;
		held.space = false;
		if (line) actions.finish();
		else if (dabs && wasHeld && !held.used && actions.aiming()) dab();
		line = false;
		stage.classList.remove("gw-space");
	};

	listen(stage, "keydown", (event) => {
		if (event.altKey || event.ctrlKey || event.metaKey) return;
		const arrow = ARROWS[event.key];
		if (arrow) move(arrow, event.shiftKey);
		else if (event.key === " ") {
			if (!event.repeat) Object.assign(held, { space: true, used: false });
			stage.classList.add("gw-space");
		} else if (event.key === "Enter") {
			if (!event.repeat) dab();
		} else if (event.key === "Escape") {
			line = false;
			if (!actions.cancel()) return;
		} else if (!actions.other(event.key)) return;
		event.preventDefault();
	}, signal);
	listen(stage, "keyup", (event) => event.key === " " && release(true), signal);
	listen(stage, "blur", () => release(false), signal);
}
