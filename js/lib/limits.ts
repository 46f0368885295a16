/** What may be sent: above it the browser refuses, because a message that is too large is lost without a word. */
import { count } from "./format";

export const MOST_PIXELS = 4096 * 4096;
/** A notebook server closes the connection at 10 MiB. */
export const MOST_BYTES = 8 * 1024 * 1024;
/** Of a file, which is sent piece by piece. */
export const MOST_FILE = 64 * 1024 * 1024;
export const PIECE = 4 * 1024 * 1024;

/** Why a mask of this size cannot be painted; "" when it can. */
export function tooLarge(width: number, height: number): string {
	if (width * height <= MOST_PIXELS) return "";
	return `A mask can have at most 4,096 × 4,096 pixels, but this picture has ${count(width)} × ${count(height)}: show a smaller one.`;
}

/** Why a message of this size cannot be sent; "" when it can. */
export function tooHeavy(bytes: number): string {
	if (bytes <= MOST_BYTES) return "";
	const size = (bytes / 1024 / 1024).toFixed(1);
	return `This stroke takes ${size} MiB, and at most 8 MiB reach Python: paint a smaller region or show a smaller picture.`;
}

/** Why a file of this size cannot be sent; "" when it can. */
export function fileTooHeavy(name: string, bytes: number): string {
	if (bytes <= MOST_FILE) return "";
	return `${name} has ${(bytes / 1024 / 1024).toFixed(1)} MiB, and at most 64 MiB are sent from here: open it in Python instead.`;
}
