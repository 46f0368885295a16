/** A picture made small enough to be sent: decoded the right way up, drawn smaller, packed again. */
import { declaredSize } from "../lib/picture_header";
import { MOST_BYTES, MOST_FILE } from "../lib/limits";
import { shrunk, shrunkWords, sideToSend } from "../lib/shrink";

export interface Packed {
	content: ArrayBuffer;
	/** What was done; "" if it is the file as it was. */
	note: string;
}

const HEAD = 512 * 1024; // bytes in which a JPEG says how large it is, behind its thumbnail and colour profile

/** The file, or a smaller picture of it; null when it is far too heavy and no picture that can be made smaller here. */
export async function packed(file: File, maxSide: number): Promise<Packed | null> {
	const size = declaredSize(new Uint8Array(await file.slice(0, HEAD).arrayBuffer()));
	const side = sideToSend(size, file.size, maxSide);
	const smaller = side === null ? null : await drawnSmaller(file, side).catch(() => null);
	if (smaller) return smaller;
	return file.size > MOST_FILE ? null : { content: await file.arrayBuffer(), note: "" };
}

async function drawnSmaller(file: File, side: number): Promise<Packed | null> {
	const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
	try {
		for (let longest = side; longest >= 64; longest = Math.floor(longest * 0.7)) {
			const to = shrunk(bitmap, longest);
			const blob = await drawn(bitmap, to, file.type);
			if (blob && blob.size <= MOST_BYTES) return { content: await blob.arrayBuffer(), note: shrunkWords(bitmap, to, file.size) };
		}
		return null;
	} finally {
		bitmap.close();
	}
}

function drawn(bitmap: ImageBitmap, size: { width: number; height: number }, type: string): Promise<Blob | null> {
	const canvas = document.createElement("canvas");
	[canvas.width, canvas.height] = [size.width, size.height];
	const context = canvas.getContext("2d");
	if (!context) return Promise.resolve(null);
	context.imageSmoothingQuality = "high";
	context.drawImage(bitmap, 0, 0, size.width, size.height);
	// Only a JPEG surely has no clear pixels, which would turn black.
	return new Promise((resolve) => canvas.toBlob(resolve, type === "image/jpeg" ? "image/jpeg" : "image/png", 0.95));
}
