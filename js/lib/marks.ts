/** Shapes and dashes: what tells lines and groups apart where colours alone would not. */
import { CATEGORY_COLOURS } from "./colour";

export const SHAPES = ["circle", "square", "triangle", "diamond", "cross", "wedge"] as const;

/** Dashes of lines that have no room for shapes; the first is an unbroken line. */
const DASHES = ["", "7 3", "2 3", "9 3 2 3", "4 2", "12 4"] as const;

export const dash = (position: number): string => DASHES[position % DASHES.length] as string;

/** The outline of the shape at this position in its list, around (x, y), as SVG path data; equal weight to the eye. */
export function shapePath(position: number, r: number, x = 0, y = 0): string {
	const loop = (...points: number[]): string => {
		const pairs = points.flatMap((_, i) => (i % 2 === 0 ? [`${n(x + (points[i] as number) * r)} ${n(y + (points[i + 1] as number) * r)}`] : []));
		return `M${pairs.join("L")}Z`;
	};
	switch (SHAPES[position % SHAPES.length]) {
		case "square":
			return loop(-0.88, -0.88, 0.88, -0.88, 0.88, 0.88, -0.88, 0.88);
		case "triangle":
			return loop(0, -1.2, 1.1, 0.8, -1.1, 0.8);
		case "diamond":
			return loop(0, -1.3, 1.2, 0, 0, 1.3, -1.2, 0);
		case "cross":
			return loop(-0.4, -1.1, 0.4, -1.1, 0.4, -0.4, 1.1, -0.4, 1.1, 0.4, 0.4, 0.4, 0.4, 1.1, -0.4, 1.1, -0.4, 0.4, -1.1, 0.4, -1.1, -0.4, -0.4, -0.4);
		case "wedge":
			return loop(0, 1.2, 1.1, -0.8, -1.1, -0.8);
		default:
			return `M${n(x - r)} ${n(y)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`;
	}
}

/** The colour of the entry at this position: Okabe-Ito in order. */
export const entryColour = (position: number): string => CATEGORY_COLOURS[position % CATEGORY_COLOURS.length] as string;

/** A colour drawn as a thin line or a small mark: nearer to the ink, so that yellow shows on white and blue on black. */
export function pen(colour: string, dark: boolean): string {
	const ink = dark ? [231, 233, 236] : [31, 35, 40];
	const share = dark ? 0.84 : 0.8;
	const channels = [1, 3, 5].map((i, k) => Math.round(Number.parseInt(colour.slice(i, i + 2), 16) * share + (ink[k] as number) * (1 - share)));
	return `rgb(${channels.join(" ")})`;
}

const n = (value: number): string => String(Number(value.toFixed(2)));
