/** What a person does with points: hover, click, draw a box with the pointer or the keys, walk with the arrows. */
import { added, type Area, growBox, type Key, keysInside, moveSpot, type Spot, spotsAt, toggled } from "../lib/points";
import { listen } from "./dom";
import type { ScatterPlot } from "./scatter_plot";

const REACH = 14; // how near the pointer must come to a point [px]
const SAME = 3; // points this near to each other are read out together [px]
const DRAG = 4; // a shorter way is a click [px]
const STEP = 0.05; // how far a key moves the corner of the box, as a share of the width

export interface Brushed {
	plot: HTMLElement;
	plan(): ScatterPlot | null;
	selected(): Key[];
	commit(keys: Key[]): void;
	/** Something is to be drawn anew. */
	changed(): void;
}

export interface Gestures {
	/** Position of the point that the keys act on; -1 when there is none. */
	active: number;
	/** Points under the pointer, or the active one while the keys are used; the nearest first. */
	read(): Spot[];
	/** The box that is being drawn. */
	box(): Area | null;
	/** Keys of the points in it. */
	inside(): Key[];
	/** What would be chosen if the gesture ended now. */
	preview(): Key[];
	/** Forgets what is under the pointer: the points have changed. */
	forget(): void;
}

export function scatterGestures({ plot, plan, selected, commit, changed }: Brushed, signal: AbortSignal): Gestures {
	let hovered: Spot[] = [];
	let keyboard = false; // the active point is read out
	let gesture: { area: Area; add: boolean; moved: boolean; pointer: number | null } | null = null;
	const spot = (): Spot | undefined => plan()?.spots.find(({ index }) => index === gestures.active);
	const inside = (): Key[] => (gesture?.moved ? keysInside(plan()?.spots ?? [], gesture.area) : []);
	const gestures: Gestures = {
		active: -1,
		read: () => {
			const here = keyboard ? spot() : undefined;
			return gesture?.moved ? [] : hovered.length > 0 ? hovered : here ? [here] : [];
		},
		box: () => (gesture?.moved ? gesture.area : null),
		inside,
		preview: () => (!gesture?.moved ? selected() : gesture.add ? added(selected(), inside()) : inside()),
		forget: () => {
			hovered = [];
		},
	};
	const finish = (): void => {
		const next = gestures.preview();
		gesture = null;
		commit(next);
	};
	const cancel = (): void => {
		if (gesture?.pointer != null && plot.hasPointerCapture?.(gesture.pointer)) plot.releasePointerCapture(gesture.pointer);
		gesture = null;
	};
	const adds = (event: MouseEvent | KeyboardEvent): boolean => event.shiftKey || event.ctrlKey || event.metaKey;

	// The pointer
	const place = (event: MouseEvent): [number, number] => {
		const { left, top } = plot.getBoundingClientRect();
		return [event.clientX - left, event.clientY - top];
	};
	const hover = (event: MouseEvent): void => {
		const near = spotsAt(plan()?.spots ?? [], ...place(event), REACH);
		hovered = near.filter(({ x, y }) => Math.hypot(x - (near[0] as Spot).x, y - (near[0] as Spot).y) < SAME);
	};
	const click = (event: MouseEvent, add: boolean): void => {
		const hit = spotsAt(plan()?.spots ?? [], ...place(event), REACH)[0];
		const before = selected();
		if (hit) {
			gestures.active = hit.index;
			const alone = before.length === 1 && before[0] === hit.key;
			commit(add ? toggled(before, hit.key) : alone ? [] : [hit.key]);
		} else if (!add && before.length > 0) commit([]);
		hover(event);
	};
	const on = (type: "pointerdown" | "pointermove" | "pointerup" | "pointercancel" | "pointerleave", work: (event: PointerEvent) => void): void =>
		listen(plot, type, (event) => {
			work(event);
			changed();
		}, signal);
	on("pointerdown", (event) => {
		if (event.button !== 0 || !plan()) return;
		const [x, y] = place(event);
		plot.setPointerCapture?.(event.pointerId);
		gesture = { area: { x0: x, y0: y, x1: x, y1: y }, add: adds(event), moved: false, pointer: event.pointerId };
		keyboard = false;
	});
	on("pointermove", (event) => {
		if (gesture?.pointer == null) return hover(event);
		const [x1, y1] = place(event);
		const moved = gesture.moved || Math.hypot(x1 - gesture.area.x0, y1 - gesture.area.y0) > DRAG;
		gesture = { ...gesture, area: { ...gesture.area, x1, y1 }, moved };
		if (moved) hovered = [];
	});
	on("pointerup", (event) => {
		if (gesture?.pointer == null) return;
		if (gesture.moved) return finish();
		const { add } = gesture;
		gesture = null;
		click(event, add);
	});
	on("pointercancel", cancel);
	on("pointerleave", gestures.forget);

	// The keys
	const grow = (event: KeyboardEvent, { frame }: ScatterPlot): boolean => {
		const from = spot();
		const now = gesture ?? (from ? { area: { x0: from.x, y0: from.y, x1: from.x, y1: from.y }, add: false, moved: true, pointer: null } : null);
		const limits = { x0: frame.left, y0: frame.top, x1: frame.right, y1: frame.bottom };
		const area = now ? growBox(event.key, now.area, (frame.right - frame.left) * STEP, limits) : null;
		if (now && area) gesture = { ...now, area };
		return area !== null;
	};
	const act = (event: KeyboardEvent, points: ScatterPlot): boolean => {
		const command = event.ctrlKey || event.metaKey;
		const choosing = event.key === "Enter" || event.key === " ";
		const here = spot();
		if ((event.shiftKey || gesture?.moved) && event.key.startsWith("Arrow")) return grow(event, points);
		const to = command ? null : moveSpot(event.key, points.spots, gestures.active);
		if (to) gestures.active = to.index;
		else if (event.key.toLowerCase() === "a" && command) commit(points.spots.map(({ key }) => key));
		else if (choosing && gesture?.moved) {
			gesture = { ...gesture, add: adds(event) };
			finish();
		} else if (choosing && here) commit(toggled(selected(), here.key));
		else if (event.key === "Escape" && gesture) cancel();
		else if (event.key === "Escape" && selected().length > 0) commit([]);
		else return false;
		return true;
	};
	listen(plot, "keydown", (event) => {
		const points = plan();
		if (!points || !act(event, points)) return;
		hovered = [];
		keyboard = true;
		event.preventDefault();
		changed();
	}, signal);
	listen(plot, "focus", () => {
		keyboard = plot.matches(":focus-visible");
		changed();
	}, signal);
	listen(plot, "blur", () => {
		keyboard = false;
		if (gesture?.pointer == null) gesture = null;
		changed();
	}, signal);
	return gestures;
}
