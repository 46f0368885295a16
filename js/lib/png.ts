/** A mask as a grey PNG of 8 bits: every opacity arrives as it was painted, which a canvas does not promise. */

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** Whether the browser can compress; without it masks travel raw. */
export const canCompress = (): boolean => typeof CompressionStream === "function";

export async function greyPng(alpha: Uint8Array, width: number, height: number): Promise<Uint8Array<ArrayBuffer>> {
	const rows = new Uint8Array(height * (width + 1)); // each row begins with 0: no filter
	for (let y = 0; y < height; y++) rows.set(alpha.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
	const header = new Uint8Array(13);
	const numbers = new DataView(header.buffer);
	numbers.setUint32(0, width);
	numbers.setUint32(4, height);
	header[8] = 8; // bits; grey, deflate, adaptive filters and no interlacing are 0
	return join([
		Uint8Array.from(SIGNATURE),
		chunk("IHDR", header),
		chunk("IDAT", await deflate(rows)),
		chunk("IEND", new Uint8Array(0)),
	]);
}

async function deflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
	const packed = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
	return new Uint8Array(await new Response(packed).arrayBuffer());
}

function chunk(kind: string, content: Uint8Array): Uint8Array {
	const bytes = new Uint8Array(content.length + 12);
	const numbers = new DataView(bytes.buffer);
	numbers.setUint32(0, content.length);
	for (let i = 0; i < 4; i++) bytes[4 + i] = kind.charCodeAt(i);
	bytes.set(content, 8);
	numbers.setUint32(8 + content.length, checksum(bytes.subarray(4, 8 + content.length)));
	return bytes;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
	let value = n;
	for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
	return value;
});

/** CRC-32, as PNG wants it. */
export function checksum(bytes: Uint8Array): number {
	let value = 0xffffffff;
	for (const byte of bytes) value = (TABLE[(value ^ byte) & 255] as number) ^ (value >>> 8);
	return (value ^ 0xffffffff) >>> 0;
}

function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
	const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
	let at = 0;
	for (const part of parts) {
		whole.set(part, at);
		at += part.length;
	}
	return whole;
}
