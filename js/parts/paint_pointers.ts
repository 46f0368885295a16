/** Mouse, pen and fingers on a stage: one paints, Space or the middle button moves the picture, two fingers zoom. */
import { listen } from "./dom";

export type Tool = "paint" | "erase" | "pan";

export interface StageActions {
	/** Begins a stroke at a point of the stage [px]; false when nothing can be painted now. */
	begin(x: number, y: number, tool: Tool): boolean;
	extend(x: number, y: number): void;
	finish(): void;
	/** Gives up the unfinished stroke; false when there was none. */
	cancel(): boolean;
	pan(dx: number, dy: number): void;
	/** False when it changed nothing. */
	zoom(factor: number, x: number, y: number): boolean;
	/** Where the brush would paint; null when the pointer is elsewhere. */
	hover(at: { x: number; y: number } | null): void;
	tool(): Tool;
}

/** Shared with the keyboard: Space held down turns a drag into a move of the picture. */
export interface Held {
	space: boolean;
	/** A drag used the held Space, so its release is not a dab. */
	used: boolean;
}

type Drag = { kind: "stroke" | "pan"; pointer: number; x: number; y: number; began: number };

const YOUNG = 300; // a second finger within this time makes a pinch of what looked like a stroke [ms]

export function paintPointers(stage: HTMLElement, actions: StageActions, held: Held, signal: AbortSignal): void {
	let drag: Drag | null = null;
	const fingers = new Map<number, { x: number; y: number }>();

	const at = (event: { clientX: number; clientY: number }): { x: number; y: number } => {
		const box = stage.getBoundingClientRect();
		return { x: event.clientX - box.left, y: event.clientY - box.top };
	};
	const pinch = (): { x: number; y: number; spread: number } => {
		const [a, b] = [...fingers.values()] as [{ x: number; y: number }, { x: number; y: number }];
		return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, spread: Math.max(1, Math.hypot(a.x - b.x, a.y - b.y)) };
	};
	const end = (event: PointerEvent): void => {
		fingers.delete(event.pointerId);
		if (drag?.pointer !== event.pointerId) return;
		if (drag.kind === "stroke") {
			if (event.type === "pointerup") actions.extend(...pair(at(event)));
			actions.finish(); // also when the system took the pointer away: what was painted stays
		}
		drag = null;
		stage.classList.remove("gw-panning");
		if (event.pointerType === "touch") actions.hover(null);
	};

	listen(stage, "pointerdown", (event) => {
		const point = at(event);
		if (event.pointerType === "touch") fingers.set(event.pointerId, point);
		if (fingers.size === 2 && (!drag || (drag.kind === "stroke" && event.timeStamp - drag.began < YOUNG))) {
			actions.cancel();
			drag = null;
			actions.hover(null);
			return;
		}
		if (drag || fingers.size > 1 || (event.button !== 0 && event.button !== 1)) return;
		const moves = held.space || event.button === 1 || actions.tool() === "pan";
		const tool = event.ctrlKey || event.metaKey ? "erase" : actions.tool();
		if (held.space) held.used = true;
		if (!moves && !actions.begin(point.x, point.y, tool)) return;
		if (event.button === 1) event.preventDefault(); // no automatic scrolling
		drag = { kind: moves ? "pan" : "stroke", pointer: event.pointerId, ...point, began: event.timeStamp };
		stage.classList.toggle("gw-panning", moves);
		stage.setPointerCapture?.(event.pointerId);
		if (!moves) actions.hover(point);
	}, signal);

	listen(stage, "pointermove", (event) => {
		const point = at(event);
		if (fingers.has(event.pointerId) && fingers.size === 2 && !drag) {
			const before = pinch();
			fingers.set(event.pointerId, point);
			const now = pinch();
			actions.pan(now.x - before.x, now.y - before.y);
			actions.zoom(now.spread / before.spread, now.x, now.y);
			return;
		}
		if (fingers.has(event.pointerId)) fingers.set(event.pointerId, point);
		if (drag && drag.pointer !== event.pointerId) return;
		if (drag?.kind === "pan") {
			actions.pan(point.x - drag.x, point.y - drag.y);
			Object.assign(drag, point);
			return;
		}
		if (drag) for (const each of coalesced(event)) actions.extend(...pair(at(each)));
		actions.hover(drag || event.pointerType !== "touch" ? point : null);
	}, signal);

	for (const type of ["pointerup", "pointercancel", "lostpointercapture"] as const) listen(stage, type, end, signal);
	listen(stage, "pointerleave", () => !drag && actions.hover(null), signal);
	listen(stage, "contextmenu", (event) => {
		if (drag || event.ctrlKey || fingers.size > 0) event.preventDefault();
	}, signal);
	listen(stage, "wheel", (event) => {
		// Without the focus the wheel belongs to the page, as everywhere else in a notebook; a pinch on a pad does not.
		const pinching = event.ctrlKey || event.metaKey;
		if (!pinching && !stage.contains(focusIn(stage))) return;
		const lines = event.deltaMode === 1 ? 16 : 1;
		const factor = Math.exp(-event.deltaY * lines * (pinching ? 0.01 : 0.002));
		const point = at(event);
		if (actions.zoom(factor, point.x, point.y) || pinching) event.preventDefault();
	}, signal, { passive: false });
}

const pair = ({ x, y }: { x: number; y: number }): [number, number] => [x, y];

/** Every position since the last event; a fast stroke is round only with all of them. */
function coalesced(event: PointerEvent): PointerEvent[] {
	const all = event.getCoalescedEvents?.() ?? [];
	return all.length > 0 ? all : [event];
}

const focusIn = (element: Element): Element | null => (element.getRootNode() as Document | ShadowRoot).activeElement;
