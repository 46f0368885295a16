/** The outline of a mask: closed lines around what is inside, with corners cut so that they look drawn. */

/** Closed polylines; each is [x0, y0, x1, y1, ...] in pixels from the top left corner of the mask. */
export type Loops = number[][];

/**
 * Walks around every region of `mask` (row by row; inside where a value is above 127).
 *
 * Marching squares on the pixel centres with a border of nothing around them, so that a region at the edge is closed
 * there. Midpoints between pixels give 45° corners instead of stairs.
 */
export function outline(mask: ArrayLike<number>, width: number, height: number): Loops {
	const inside = (x: number, y: number): number =>
		x >= 0 && y >= 0 && x < width && y < height && (mask[y * width + x] as number) > 127 ? 1 : 0;
	const next = new Map<number, number>(); // directed half-edges between midpoints, keyed in half pixels
	const stride = 2 * width + 3;
	const key = (x: number, y: number): number => Math.round(2 * y + 2) * stride + Math.round(2 * x + 2);
	for (let y = -1; y < height; y++) {
		for (let x = -1; x < width; x++) {
			const shape = inside(x, y) | (inside(x + 1, y) << 1) | (inside(x + 1, y + 1) << 2) | (inside(x, y + 1) << 3);
			if (shape === 0 || shape === 15) continue;
			const top = key(x + 0.5, y);
			const right = key(x + 1, y + 0.5);
			const bottom = key(x + 0.5, y + 1);
			const left = key(x, y + 0.5);
			for (const [from, to] of segments(shape, top, right, bottom, left)) next.set(from, to);
		}
	}
	const loops: Loops = [];
	while (next.size > 0) {
		const start = next.keys().next().value as number;
		const loop: number[] = [];
		let at = start;
		do {
			loop.push((at % stride) / 2 - 0.5, Math.floor(at / stride) / 2 - 0.5);
			const to = next.get(at);
			next.delete(at);
			if (to === undefined) break;
			at = to;
		} while (at !== start);
		loops.push(straighten(loop));
	}
	return loops;
}

/** Segments of one cell, directed so that the inside lies on the left; the two saddles keep diagonal pixels apart. */
function segments(shape: number, t: number, r: number, b: number, l: number): [number, number][] {
	switch (shape) {
		case 1:
			return [[t, l]];
		case 2:
			return [[r, t]];
		case 3:
			return [[r, l]];
		case 4:
			return [[b, r]];
		case 5:
			return [
				[t, l],
				[b, r],
			];
		case 6:
			return [[b, t]];
		case 7:
			return [[b, l]];
		case 8:
			return [[l, b]];
		case 9:
			return [[t, b]];
		case 10:
			return [
				[r, t],
				[l, b],
			];
		case 11:
			return [[r, b]];
		case 12:
			return [[l, r]];
		case 13:
			return [[t, r]];
		default:
			return [[l, t]];
	}
}

/** Drops the points that lie on a straight line between their neighbours. */
function straighten(loop: number[]): number[] {
	const n = loop.length / 2;
	const kept: number[] = [];
	for (let i = 0; i < n; i++) {
		const [px, py] = [loop[2 * ((i + n - 1) % n)] as number, loop[2 * ((i + n - 1) % n) + 1] as number];
		const [x, y] = [loop[2 * i] as number, loop[2 * i + 1] as number];
		const [qx, qy] = [loop[2 * ((i + 1) % n)] as number, loop[2 * ((i + 1) % n) + 1] as number];
		if ((x - px) * (qy - y) !== (y - py) * (qx - x)) kept.push(x, y);
	}
	return kept;
}

/** Black where the mask is empty, clear where it is set: RGBA bytes that dim the outside of a region. */
export function dimming(mask: ArrayLike<number>, alpha: number): Uint8ClampedArray<ArrayBuffer> {
	const pixels = new Uint8ClampedArray(4 * mask.length);
	for (let i = 0; i < mask.length; i++) pixels[4 * i + 3] = (mask[i] as number) > 127 ? 0 : alpha;
	return pixels;
}

/** Every fourth byte of RGBA data: the red channel, which is the mask of a grey PNG. */
export function redChannel(rgba: Uint8ClampedArray): Uint8Array {
	const mask = new Uint8Array(rgba.length / 4);
	for (let i = 0; i < mask.length; i++) mask[i] = rgba[4 * i] as number;
	return mask;
}
