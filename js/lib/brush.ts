/** A round brush on a mask: antialiased, soft if wanted, and the same however many events a stroke came in. */

export interface Brush {
	/** [mask pixels] */
	radius: number;
	/** 0: an edge one pixel wide; 1: fades from the middle. */
	softness: number;
}

/** Whole pixels: [x, x + width) × [y, y + height). */
export interface Area {
	x: number;
	y: number;
	width: number;
	height: number;
}

/** What was painted, 0-255 per pixel, row by row, and the area that holds all of it. */
export interface Mask {
	width: number;
	height: number;
	alpha: Uint8Array;
	painted: Area | null;
}

export const emptyMask = (width: number, height: number): Mask => ({
	width,
	height,
	alpha: new Uint8Array(width * height),
	painted: null,
});

/** Opacity at a distance from the middle of the path: 1 inside, 0 beyond the edge, half on the edge of a hard brush. */
export function opacity(distance: number, { radius, softness }: Brush): number {
	const outer = radius + 0.5;
	const inner = Math.max(0, (radius - 0.5) * (1 - softness));
	const t = Math.max(0, Math.min(1, (outer - distance) / (outer - inner)));
	return t + softness * (t * t * (3 - 2 * t) - t);
}

/**
 * Draws the brush along a straight line and returns the area that may have changed, or null when none did.
 *
 * A pixel takes the opacity of its distance to the line, and keeps what it has when that is more. So a stroke is as
 * opaque where it crosses itself as elsewhere, and two short lines give what one long line gives.
 */
export function paintLine(mask: Mask, brush: Brush, x0: number, y0: number, x1: number, y1: number): Area | null {
	const reach = brush.radius + 0.5;
	const area = clip(Math.min(x0, x1) - reach, Math.min(y0, y1) - reach, Math.max(x0, x1) + reach, Math.max(y0, y1) + reach, mask);
	if (!area) return null;
	const dx = x1 - x0;
	const dy = y1 - y0;
	const length = dx * dx + dy * dy;
	for (let y = area.y; y < area.y + area.height; y++) {
		const py = y + 0.5 - y0;
		for (let x = area.x; x < area.x + area.width; x++) {
			const px = x + 0.5 - x0;
			const along = length > 0 ? Math.max(0, Math.min(1, (px * dx + py * dy) / length)) : 0;
			const across = px - along * dx;
			const down = py - along * dy;
			const square = across * across + down * down;
			if (square >= reach * reach) continue;
			const at = y * mask.width + x;
			const value = Math.round(255 * opacity(Math.sqrt(square), brush));
			if (value > (mask.alpha[at] as number)) mask.alpha[at] = value;
		}
	}
	mask.painted = mask.painted ? union(mask.painted, area) : area;
	return area;
}

/** Whether anything at all was painted (a stroke beside the picture paints nothing). */
export const isBlank = (mask: Mask): boolean => !mask.painted || !mask.alpha.some((value) => value > 0);

/** Sizes [mask pixels] for a slider or a key: fine steps for small brushes, larger ones for large brushes. */
export function brushSizes(largest: number): number[] {
	const sizes: number[] = [];
	for (let size = 1; size < largest; size = size < 6 ? size + 0.5 : Math.max(size + 1, Math.round(size * 1.12))) sizes.push(size);
	return [...sizes, largest];
}

/** The position in `sizes` of the one that is nearest. */
export function nearestSize(sizes: readonly number[], size: number): number {
	let best = 0;
	sizes.forEach((one, i) => {
		if (Math.abs(one - size) < Math.abs((sizes[best] as number) - size)) best = i;
	});
	return best;
}

export function union(a: Area, b: Area): Area {
	const [x, y] = [Math.min(a.x, b.x), Math.min(a.y, b.y)];
	const [right, bottom] = [Math.max(a.x + a.width, b.x + b.width), Math.max(a.y + a.height, b.y + b.height)];
	return { x, y, width: right - x, height: bottom - y };
}

/** Black pixels whose opacity is the mask's, for one area of it: a canvas then takes them as a stencil. */
export function stencil(mask: Mask, area: Area): Uint8ClampedArray<ArrayBuffer> {
	const pixels = new Uint8ClampedArray(4 * area.width * area.height);
	for (let row = 0; row < area.height; row++) {
		const from = (area.y + row) * mask.width + area.x;
		for (let column = 0; column < area.width; column++) {
			pixels[4 * (row * area.width + column) + 3] = mask.alpha[from + column] as number;
		}
	}
	return pixels;
}

function clip(left: number, top: number, right: number, bottom: number, { width, height }: Mask): Area | null {
	const [x, y] = [Math.max(0, Math.floor(left)), Math.max(0, Math.floor(top))];
	const [w, h] = [Math.min(width, Math.ceil(right)) - x, Math.min(height, Math.ceil(bottom)) - y];
	return w > 0 && h > 0 ? { x, y, width: w, height: h } : null;
}
