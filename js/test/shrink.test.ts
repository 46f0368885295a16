import { describe, expect, it, vi } from "vitest";
import { declaredSize } from "../lib/picture_header";
import { shrunk, shrunkWords, sideToSend } from "../lib/shrink";
import { packed } from "../parts/shrink_picture";

const bytes = (...parts: (number | string)[]): Uint8Array =>
	Uint8Array.from(parts.flatMap((part) => (typeof part === "number" ? [part] : [...part].map((sign) => sign.charCodeAt(0)))));
const zeros = (n: number): number[] => Array<number>(n).fill(0);

describe("what a picture's first bytes declare", () => {
	it("is read of every format that browsers draw", () => {
		expect(declaredSize(bytes(0x89, "PNG\r\n", 0x1a, "\n", ...zeros(4), "IHDR", 0, 0, 2, 0, 0, 0, 1, 0))).toEqual({ width: 512, height: 256 });
		expect(declaredSize(bytes(0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xff, 0xc2, 0, 17, 8, 1, 0, 2, 0, 3))).toEqual({ width: 512, height: 256 });
		expect(declaredSize(bytes("GIF89a", 3, 0, 4, 1))).toEqual({ width: 3, height: 260 });
		expect(declaredSize(bytes("BM", ...zeros(16), 5, 0, 0, 0, 0xf9, 0xff, 0xff, 0xff))).toEqual({ width: 5, height: 7 });
		expect(declaredSize(bytes("RIFF", ...zeros(4), "WEBPVP8X", ...zeros(8), 9, 1, 0, 3, 0, 0))).toEqual({ width: 266, height: 4 });
		expect(declaredSize(bytes("RIFF", ...zeros(4), "WEBPVP8 ", ...zeros(10), 8, 0, 6, 64))).toEqual({ width: 8, height: 6 });
		expect(declaredSize(bytes("RIFF", ...zeros(4), "WEBPVP8L", ...zeros(4), 0x2f, 4, 0x40, 0, 0))).toEqual({ width: 5, height: 2 });
	});
	it("is nothing for other files, and for what is cut off", () => {
		expect(declaredSize(bytes("<!doctype html>"))).toBeNull();
		expect(declaredSize(bytes(0x89, "PNG"))).toBeNull();
		expect(declaredSize(bytes(0xff, 0xd8, 0, 1))).toBeNull();
		expect(declaredSize(new Uint8Array())).toBeNull();
	});
});

describe("whether a picture is made smaller", () => {
	const MIB = 1024 * 1024;
	it("depends on its sides and its bytes", () => {
		expect(sideToSend({ width: 4000, height: 3000 }, MIB, 2048)).toBe(2048);
		expect(sideToSend({ width: 2048, height: 9 }, MIB, 2048)).toBeNull();
		expect(sideToSend({ width: 900, height: 900 }, 9 * MIB, 2048)).toBe(900);
		expect(sideToSend(null, 9 * MIB, 2048)).toBeNull();
		expect(sideToSend({ width: 4000, height: 3000 }, MIB, 0)).toBeNull();
		expect(sideToSend({ width: 20_000, height: 20_000 }, 50_000, 2048)).toBeNull(); // a bomb: Python says so
	});
	it("keeps its shape, and at least one pixel", () => {
		expect(shrunk({ width: 4000, height: 3000 }, 2048)).toEqual({ width: 2048, height: 1536 });
		expect(shrunk({ width: 12_000, height: 2 }, 2048)).toEqual({ width: 2048, height: 1 });
		expect(shrunk({ width: 10, height: 5 }, 2048)).toEqual({ width: 10, height: 5 });
		expect(shrunkWords({ width: 4000, height: 3000 }, { width: 2048, height: 1536 }, 12 * MIB)).toBe(
			"Made smaller here before it was sent: from 4,000 × 3,000 pixels and 12.0 MiB to 2,048 × 1,536.",
		);
	});
});

describe("a picture on its way", () => {
	const png = (width: number, height: number): Uint8Array => bytes(0x89, "PNG\r\n", 0x1a, "\n", ...zeros(4), "IHDR", 0, 0, width >> 8, width & 255, 0, 0, height >> 8, height & 255);
	const file = (content: Uint8Array, size = content.length): File => {
		const made = new File([content as Uint8Array<ArrayBuffer>], "a.png", { type: "image/png" });
		Object.defineProperty(made, "size", { value: size });
		return made;
	};
	it("goes as it is when it is small enough", async () => {
		const decode = vi.fn();
		vi.stubGlobal("createImageBitmap", decode);
		const sent = await packed(file(png(64, 64)), 256);
		expect(sent?.note).toBe("");
		expect(new Uint8Array(sent?.content as ArrayBuffer)).toEqual(png(64, 64));
		expect(decode).not.toHaveBeenCalled();
	});
	it("is decoded upright, drawn smaller until it fits, and packed again", async () => {
		const drawn: number[] = [];
		vi.stubGlobal("createImageBitmap", vi.fn(async () => ({ width: 1000, height: 500, close: vi.fn() })));
		vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue({ drawImage: vi.fn() } as never);
		vi.spyOn(HTMLCanvasElement.prototype, "toBlob").mockImplementation(function (this: HTMLCanvasElement, done) {
			drawn.push(this.width);
			const blob = new Blob(["small"]);
			if (drawn.length === 1) Object.defineProperty(blob, "size", { value: 9 * 1024 * 1024 });
			done(blob);
		});
		const sent = await packed(file(png(1000, 500)), 256);
		expect(drawn).toEqual([256, 179]);
		expect(sent?.note).toContain("from 1,000 × 500 pixels to 179 × 90");
		expect(createImageBitmap).toHaveBeenCalledWith(expect.anything(), { imageOrientation: "from-image" });
	});
	it("goes as it is when the browser cannot draw it, and not at all when it is too heavy", async () => {
		vi.stubGlobal("createImageBitmap", () => Promise.reject(new Error("damaged")));
		expect((await packed(file(png(1000, 500)), 256))?.note).toBe("");
		expect((await packed(file(png(1000, 500), 9 * 1024 * 1024), 256))?.note).toBe("");
		expect(await packed(file(png(1000, 500), 65 * 1024 * 1024), 256)).toBeNull();
		expect(await packed(file(bytes("PK", ...zeros(9)), 65 * 1024 * 1024), 256)).toBeNull();
	});
});
