/** How large a picture says to be, from its first bytes: nothing is decoded before that is known. */
import type { Size } from "./crop";

/** Width and height as they are stored; null when these are not the first bytes of a PNG, JPEG, GIF, WebP or BMP. */
export function declaredSize(bytes: Uint8Array): Size | null {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	try {
		const text = (at: number, n: number): string => String.fromCharCode(...bytes.subarray(at, at + n));
		if (view.getUint32(0) === 0x89504e47) return { width: view.getUint32(16), height: view.getUint32(20) };
		if (view.getUint16(0) === 0xffd8) return ofJpeg(view);
		if (text(0, 4) === "GIF8") return { width: view.getUint16(6, true), height: view.getUint16(8, true) };
		if (text(0, 4) === "RIFF" && text(8, 4) === "WEBP") return ofWebp(view, text(12, 4));
		if (text(0, 2) === "BM") return { width: view.getInt32(18, true), height: Math.abs(view.getInt32(22, true)) };
	} catch {
		// Cut off: its size is not known.
	}
	return null;
}

function ofJpeg(view: DataView): Size | null {
	for (let at = 2; at + 9 < view.byteLength; ) {
		if (view.getUint8(at) !== 0xff) return null;
		const marker = view.getUint8(at + 1);
		if (marker === 0xff) at += 1;
		else if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
			return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
		} else at += 2 + view.getUint16(at + 2);
	}
	return null;
}

function ofWebp(view: DataView, chunk: string): Size | null {
	const three = (at: number): number => view.getUint8(at) | (view.getUint8(at + 1) << 8) | (view.getUint8(at + 2) << 16);
	if (chunk === "VP8X") return { width: three(24) + 1, height: three(27) + 1 };
	if (chunk === "VP8 ") return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
	if (chunk !== "VP8L") return null;
	const bits = view.getUint32(21, true);
	return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
}
