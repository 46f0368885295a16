/** One picture from a bytes trait: the old one stays until the new one is decoded, and a late one never wins. */
import { decode } from "./sheets";

export interface Picture {
	/** What can be drawn now, or null. */
	readonly bitmap: ImageBitmap | null;
	/** How many pictures were decoded so far. */
	readonly count: number;
	/** Decodes new bytes; `ready` is called when they can be drawn, or were empty or no picture. */
	take(bytes: DataView | null | undefined): void;
}

export function picture(ready: () => void, signal: AbortSignal): Picture {
	let bitmap: ImageBitmap | null = null;
	let count = 0;
	let newest = 0;
	const show = (next: ImageBitmap | null): void => {
		bitmap?.close();
		bitmap = next;
		if (next) count++;
		ready();
	};
	signal.addEventListener("abort", () => bitmap?.close(), { once: true });
	return {
		get bitmap() {
			return bitmap;
		},
		get count() {
			return count;
		},
		take(bytes) {
			const mine = ++newest;
			if (!bytes || bytes.byteLength === 0) return show(null);
			decode(bytes, kindOf(bytes)).then(
				(next) => (mine === newest && !signal.aborted ? show(next) : next.close()),
				() => mine === newest && !signal.aborted && show(null),
			);
		},
	};
}

const kindOf = (bytes: DataView): string => (bytes.getUint8(0) === 0x89 ? "image/png" : "image/jpeg");
