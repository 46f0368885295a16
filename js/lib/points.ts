/** Points of a scatter chart: the nearest one, those in a box, the moves of the keys. */
import { known, type Maybe } from "./format";

export interface DataPoint {
	x: Maybe;
	y: Maybe;
	key?: Key | null;
	label?: string | null;
	group?: string | null;
}

export type Key = string | number;

/** A point on the page [px]. */
export interface Spot {
	/** Position in the `points` trait. */
	index: number;
	key: Key;
	x: number;
	y: number;
}

export interface Area {
	x0: number;
	y0: number;
	x1: number;
	y1: number;
}

/** What `selected` holds for a point: its key, else its position. */
export const keyOf = (point: DataPoint, index: number): Key => point.key ?? index;

/** The points whose place is known. */
export function spotsOf(points: readonly DataPoint[], atX: (x: number) => number, atY: (y: number) => number): Spot[] {
	return points.flatMap((point, index) =>
		known(point.x) && known(point.y) ? [{ index, key: keyOf(point, index), x: atX(point.x), y: atY(point.y) }] : [],
	);
}

/** All spots within reach of a place, the nearest first. */
export function spotsAt(spots: readonly Spot[], x: number, y: number, reach: number): Spot[] {
	return spots
		.filter((spot) => Math.abs(spot.x - x) <= reach && distance(spot, x, y) <= reach)
		.sort((a, b) => distance(a, x, y) - distance(b, x, y));
}

const distance = (spot: Spot, x: number, y: number): number => Math.hypot(spot.x - x, spot.y - y);

/** Keys of the spots in a box, which may be drawn in any direction. */
export function keysInside(spots: readonly Spot[], { x0, y0, x1, y1 }: Area): Key[] {
	const [left, right, top, bottom] = [Math.min(x0, x1), Math.max(x0, x1), Math.min(y0, y1), Math.max(y0, y1)];
	return spots.filter(({ x, y }) => x >= left && x <= right && y >= top && y <= bottom).map(({ key }) => key);
}

/** The spot to which a key leads: left and right by x, up and down by y; null for every other key. */
export function moveSpot(pressed: string, spots: readonly Spot[], index: number): Spot | null {
	const upright = pressed === "ArrowUp" || pressed === "ArrowDown";
	const order = [...spots].sort(upright ? (a, b) => b.y - a.y || a.index - b.index : (a, b) => a.x - b.x || a.index - b.index);
	const page = Math.max(1, Math.round(order.length / 10));
	const steps: Record<string, number> = { ArrowRight: 1, ArrowLeft: -1, ArrowUp: 1, ArrowDown: -1, PageDown: page, PageUp: -page };
	if (pressed === "Home") return order[0] ?? null;
	if (pressed === "End") return order.at(-1) ?? null;
	const step = steps[pressed];
	if (step === undefined || order.length === 0) return null;
	const at = order.findIndex((spot) => spot.index === index);
	return order[at < 0 ? 0 : Math.max(0, Math.min(order.length - 1, at + step))] as Spot;
}

/** The box after Shift and an arrow: its free corner moves by `step` and stays inside `limits`. */
export function growBox(pressed: string, box: Area, step: number, limits: Area): Area | null {
	const [dx, dy] = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[pressed] ?? [];
	if (dx === undefined || dy === undefined) return null;
	const inside = (value: number, low: number, high: number): number => Math.max(low, Math.min(high, value));
	return { ...box, x1: inside(box.x1 + dx, limits.x0, limits.x1), y1: inside(box.y1 + dy, limits.y0, limits.y1) };
}

/** `keys` added to what is selected, each once. */
export const added = (selected: readonly Key[], keys: readonly Key[]): Key[] => [...new Set([...selected, ...keys])];

/** A key in or out. */
export const toggled = (selected: readonly Key[], key: Key): Key[] =>
	selected.includes(key) ? selected.filter((other) => other !== key) : [...selected, key];

/** How large and how opaque marks are: many points are small and let each other shine through. */
export function markStyle(count: number): { radius: number; opacity: number } {
	if (count <= 60) return { radius: 5, opacity: 0.85 };
	if (count <= 400) return { radius: 4, opacity: 0.7 };
	if (count <= 3000) return { radius: 3.2, opacity: 0.5 };
	return { radius: 2.4, opacity: 0.4 };
}
