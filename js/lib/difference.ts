/** What changed between two pictures: per pixel the mean change of its channels, as a share of their range. */
import { viridis } from "./colour";

export interface Difference {
	/** In [0, 1], row by row. */
	change: Float32Array;
	/** The largest. */
	largest: number;
	/** Share of pixels that changed by more than `NOTICED`. */
	changed: number;
}

/** Less than this is what JPEG does to a picture, not what an edit does. */
export const NOTICED = 0.04;

/** Of two pictures of RGBA bytes of one size. */
export function difference(before: ArrayLike<number>, after: ArrayLike<number>): Difference {
	const n = Math.min(before.length, after.length) / 4;
	const change = new Float32Array(n);
	let [largest, noticed] = [0, 0];
	for (let i = 0; i < n; i++) {
		let sum = 0;
		for (let c = 0; c < 3; c++) sum += Math.abs((before[4 * i + c] as number) - (after[4 * i + c] as number));
		const value = sum / (3 * 255);
		change[i] = value;
		if (value > largest) largest = value;
		if (value > NOTICED) noticed++;
	}
	return { change, largest, changed: n > 0 ? noticed / n : 0 };
}

/** The top of the colour scale: the largest change, but never so little that noise looks like an edit. */
export const scaleTop = ({ largest }: Difference): number => Math.max(0.1, Math.ceil(largest * 20) / 20);

const SHADES = 256;

/** RGBA bytes: the change in viridis, from nothing to `top`. */
export function heat({ change }: Difference, top: number): Uint8ClampedArray<ArrayBuffer> {
	const shades = Array.from({ length: SHADES }, (_, i) => viridis(i / (SHADES - 1)).match(/\d+/g)?.map(Number) as number[]);
	const pixels = new Uint8ClampedArray(4 * change.length);
	change.forEach((value, i) => {
		const shade = shades[Math.round(Math.min(1, value / top) * (SHADES - 1))] as number[];
		pixels.set([...shade, 255], 4 * i);
	});
	return pixels;
}
