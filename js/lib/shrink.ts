/** Whether a picture must be made smaller before it is sent, and how much. */
import type { Size } from "./crop";
import { count } from "./format";
import { MOST_BYTES } from "./limits";

/** More than any camera makes; the browser would need gigabytes to decode it. */
const MOST_DECODED = 200_000_000;

/** The longest side to send a picture with; null: it goes as it is. */
export function sideToSend(size: Size | null, bytes: number, maxSide: number): number | null {
	if (maxSide <= 0 || !size || size.width * size.height > MOST_DECODED) return null;
	const longest = Math.max(size.width, size.height);
	return bytes > MOST_BYTES || longest > maxSide ? Math.min(longest, maxSide) : null;
}

/** Of a picture whose longest side becomes `side`. */
export function shrunk({ width, height }: Size, side: number): Size {
	const scale = Math.min(1, side / Math.max(width, height));
	return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/** What was done, for the person. */
export function shrunkWords(from: Size, to: Size, bytes: number): string {
	const size = ({ width, height }: Size): string => `${count(width)} × ${count(height)}`;
	const heavy = bytes > MOST_BYTES ? ` and ${(bytes / 1024 / 1024).toFixed(1)} MiB` : "";
	return `Made smaller here before it was sent: from ${size(from)} pixels${heavy} to ${size(to)}.`;
}
