/** A box on a picture, in shares of its height and width: moved, resized and kept inside, with a shape or without. */

export interface Crop {
	top: number;
	left: number;
	bottom: number;
	right: number;
}

export interface Size {
	width: number;
	height: number;
}

/** Which sides a handle moves: -1 the first, 1 the last, 0 none. */
export interface Handle {
	x: -1 | 0 | 1;
	y: -1 | 0 | 1;
}

export const WHOLE: Crop = { top: 0, left: 0, bottom: 1, right: 1 };
/** The smallest side of a box, as a share of the picture. */
const LEAST = 0.02;

const clamp = (value: number, low: number, high: number): number => Math.max(low, Math.min(high, value));
const width = (box: Crop): number => box.right - box.left;
const height = (box: Crop): number => box.bottom - box.top;

/** Width over height of a box in shares, if its pixels are to have this aspect; 0: any. */
export const ratioOf = (aspect: number, picture: Size): number => (aspect > 0 ? (aspect * picture.height) / Math.max(1, picture.width) : 0);

/** The largest box of a ratio, in the middle. */
export const largest = (ratio: number): Crop => (ratio > 0 ? around(0.5, 0.5, ratio > 1 ? 1 : ratio, ratio > 1 ? 1 / ratio : 1) : WHOLE);

/** The box moved by shares of the picture, as far as there is room. */
export function moved(box: Crop, dx: number, dy: number): Crop {
	const x = clamp(dx, -box.left, 1 - box.right);
	const y = clamp(dy, -box.top, 1 - box.bottom);
	return { top: box.top + y, left: box.left + x, bottom: box.bottom + y, right: box.right + x };
}

/** The box with a handle dragged to (x, y); the opposite side, or middle, stays where it is. */
export function dragged(box: Crop, handle: Handle, x: number, y: number, ratio: number): Crop {
	const [w, h] = [width(box), height(box)];
	const fixed = { x: handle.x < 0 ? box.right : handle.x > 0 ? box.left : box.left + w / 2, y: handle.y < 0 ? box.bottom : handle.y > 0 ? box.top : box.top + h / 2 };
	const room = { x: roomAt(handle.x, fixed.x), y: roomAt(handle.y, fixed.y) };
	let wide = handle.x === 0 ? w : clamp((x - fixed.x) * handle.x, LEAST, room.x);
	let high = handle.y === 0 ? h : clamp((y - fixed.y) * handle.y, LEAST, room.y);
	if (ratio > 0) {
		// A corner follows what is dragged farther.
		if (handle.x === 0 || (handle.y !== 0 && high * ratio > wide)) wide = high * ratio;
		wide = Math.min(wide, room.x, room.y * ratio);
		high = wide / ratio;
	}
	const left = handle.x < 0 ? fixed.x - wide : handle.x > 0 ? fixed.x : fixed.x - wide / 2;
	const top = handle.y < 0 ? fixed.y - high : handle.y > 0 ? fixed.y : fixed.y - high / 2;
	return inside({ top, left, bottom: top + high, right: left + wide });
}

/** The box larger or smaller about its middle; it moves where it would leave the picture. */
export function scaledBy(box: Crop, factor: number, ratio: number): Crop {
	let [w, h] = [width(box) * factor, height(box) * factor];
	const most = Math.min(1, 1 / w, 1 / h);
	const least = Math.max(1, LEAST / Math.max(w, h));
	[w, h] = [w * most * least, h * most * least];
	const { x, y } = middle(box);
	return ratio > 0 ? shaped(around(x, y, w, h), ratio) : inside(around(x, y, w, h));
}

/** A box of this ratio with the same middle and about the same area. */
export function shaped(box: Crop, ratio: number): Crop {
	if (ratio <= 0) return box;
	const area = width(box) * height(box);
	let w = Math.sqrt(area * ratio);
	const shrink = Math.min(1, 1 / w, ratio / w);
	w *= shrink;
	const { x, y } = middle(box);
	return inside(around(x, y, w, w / ratio));
}

/** Where a part of the picture lies in a frame of another shape: all of it for "stretch", between bars for "letterbox". */
export function placed(part: Size, frame: Size, mode: string): { x: number; y: number; width: number; height: number } {
	if (mode === "stretch") return { x: 0, y: 0, ...frame };
	const scale = (mode === "letterbox" ? Math.min : Math.max)(frame.width / part.width, frame.height / part.height);
	const [w, h] = [part.width * scale, part.height * scale];
	return { x: (frame.width - w) / 2, y: (frame.height - h) / 2, width: w, height: h };
}

/** Pixels of the picture in the box. */
export const pixels = (box: Crop, picture: Size): Size => ({
	width: Math.max(1, Math.round(width(box) * picture.width)),
	height: Math.max(1, Math.round(height(box) * picture.height)),
});

export const fromList = (list: readonly number[]): Crop => {
	const [top, left, bottom, right] = list;
	if (list.length !== 4 || !((bottom as number) > (top as number) && (right as number) > (left as number))) return WHOLE;
	return { top: top as number, left: left as number, bottom: bottom as number, right: right as number };
};

/** As Python has it, without digits nobody meant. */
export const toList = ({ top, left, bottom, right }: Crop): number[] => [top, left, bottom, right].map((side) => clamp(Math.round(side * 1e6) / 1e6, 0, 1));

const middle = (box: Crop): { x: number; y: number } => ({ x: (box.left + box.right) / 2, y: (box.top + box.bottom) / 2 });
const around = (x: number, y: number, w: number, h: number): Crop => ({ top: y - h / 2, left: x - w / 2, bottom: y + h / 2, right: x + w / 2 });
const roomAt = (side: number, fixed: number): number => (side < 0 ? fixed : side > 0 ? 1 - fixed : 2 * Math.min(fixed, 1 - fixed));
/** Moved into the picture, where rounding or growing put it over the edge. */
const inside = (box: Crop): Crop => moved(box, Math.max(0, -box.left) - Math.max(0, box.right - 1), Math.max(0, -box.top) - Math.max(0, box.bottom - 1));
