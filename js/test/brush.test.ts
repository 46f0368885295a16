import { inflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { brushSizes, emptyMask, isBlank, nearestSize, opacity, paintLine, stencil, union } from "../lib/brush";
import { MOST_PIXELS, tooHeavy, tooLarge } from "../lib/limits";
import { checksum, greyPng } from "../lib/png";

const at = (mask: { width: number; alpha: Uint8Array }, x: number, y: number): number => mask.alpha[y * mask.width + x] as number;

describe("a brush", () => {
	it("covers its circle, half of it on the edge, and nothing beyond", () => {
		const hard = { radius: 4, softness: 0 };
		expect([0, 3.5, 4, 4.5, 9].map((d) => opacity(d, hard))).toEqual([1, 1, 0.5, 0, 0]);
		const mask = emptyMask(16, 12);
		paintLine(mask, hard, 8, 6, 8, 6);
		const area = mask.alpha.reduce((sum, value) => sum + value / 255, 0);
		expect(Math.abs(area - Math.PI * 16)).toBeLessThan(0.5);
		expect(at(mask, 8, 6)).toBe(255);
		expect(at(mask, 0, 0)).toBe(0);
	});
	it("falls off smoothly and never rises with the distance when it is soft", () => {
		const soft = { radius: 6, softness: 1 };
		const values = Array.from({ length: 14 }, (_, d) => opacity(d / 2, soft));
		expect(values[0]).toBe(1);
		expect(values.at(-1)).toBe(0);
		values.slice(1).forEach((value, i) => expect(value).toBeLessThanOrEqual(values[i] as number));
		expect(opacity(3.25, soft)).toBeCloseTo(0.5, 6);
		expect(opacity(5, soft)).toBeCloseTo(0.135, 3); // below the straight line (0.231): no visible edge
	});
	it("leaves a visible pixel even when it is smaller than one", () => {
		const mask = emptyMask(4, 4);
		paintLine(mask, { radius: 0.25, softness: 0 }, 1.5, 1.5, 1.5, 1.5);
		expect(at(mask, 1, 1)).toBeGreaterThan(127);
	});
	it("gives the same stroke however many events it came in", () => {
		const brush = { radius: 2.5, softness: 0.5 };
		const [one, many] = [emptyMask(40, 20), emptyMask(40, 20)];
		paintLine(one, brush, 5, 5, 35, 15);
		for (let i = 0; i < 30; i++) paintLine(many, brush, 5 + i, 5 + i / 3, 6 + i, 5 + (i + 1) / 3);
		const furthest = Math.max(...one.alpha.map((value, i) => Math.abs(value - (many.alpha[i] as number))));
		expect(furthest).toBeLessThanOrEqual(1);
	});
	it("does not darken where a stroke crosses itself", () => {
		const mask = emptyMask(20, 20);
		const brush = { radius: 3, softness: 1 };
		paintLine(mask, brush, 4, 10, 16, 10);
		const once = mask.alpha.slice();
		paintLine(mask, brush, 16, 10, 4, 10);
		expect(mask.alpha).toEqual(once);
	});
	it("paints on wide and on high masks, and what lies beside them is cut off", () => {
		const mask = emptyMask(30, 6);
		expect(paintLine(mask, { radius: 3, softness: 0 }, 29, 3, 60, 3)).toEqual({ x: 25, y: 0, width: 5, height: 6 });
		expect(at(mask, 29, 3)).toBe(255);
		expect(at(mask, 20, 3)).toBe(0);
		expect(paintLine(mask, { radius: 3, softness: 0 }, -20, 3, -10, 3)).toBeNull();
		const beside = emptyMask(30, 6);
		paintLine(beside, { radius: 2, softness: 0 }, -2.4, -2.4, -2.4, -2.4);
		expect(isBlank(beside)).toBe(true);
		expect(isBlank(mask)).toBe(false);
	});
	it("knows the area that holds everything painted and cuts a stencil from it", () => {
		const mask = emptyMask(10, 10);
		const brush = { radius: 1, softness: 0 };
		paintLine(mask, brush, 2, 2, 2, 2);
		paintLine(mask, brush, 7, 8, 7, 8);
		expect(mask.painted).toEqual(union({ x: 0, y: 0, width: 4, height: 4 }, { x: 5, y: 6, width: 4, height: 4 }));
		const pixels = stencil(mask, { x: 1, y: 1, width: 2, height: 1 });
		expect([...pixels]).toEqual([0, 0, 0, at(mask, 1, 1), 0, 0, 0, at(mask, 2, 1)]);
	});
	it("has sizes in fine steps at first and reaches the largest", () => {
		const sizes = brushSizes(128);
		expect(sizes.slice(0, 4)).toEqual([1, 1.5, 2, 2.5]);
		expect(sizes.at(-1)).toBe(128);
		sizes.slice(1).forEach((size, i) => expect(size).toBeGreaterThan(sizes[i] as number));
		expect(sizes[nearestSize(sizes, 2.1)]).toBe(2);
		expect(brushSizes(1)).toEqual([1]);
	});
});

describe("a mask on its way", () => {
	it("is a grey PNG that keeps every opacity", async () => {
		const alpha = Uint8Array.from({ length: 15 }, (_, i) => i * 17);
		const bytes = await greyPng(alpha, 5, 3);
		expect([...bytes.slice(1, 4)].map((code) => String.fromCharCode(code)).join("")).toBe("PNG");
		const numbers = new DataView(bytes.buffer);
		expect([numbers.getUint32(16), numbers.getUint32(20), bytes[24], bytes[25]]).toEqual([5, 3, 8, 0]);
		const length = numbers.getUint32(33);
		const rows = inflateSync(bytes.slice(41, 41 + length));
		const back = [0, 1, 2].flatMap((row) => [...rows.slice(row * 6 + 1, row * 6 + 6)]);
		expect(back).toEqual([...alpha]);
		expect(numbers.getUint32(41 + length)).toBe(checksum(bytes.slice(37, 41 + length)));
	});
	it("has the checksum that PNG wants", () => {
		expect(checksum(new TextEncoder().encode("IEND")).toString(16)).toBe("ae426082");
	});
	it("is refused with a sentence when it is too large", () => {
		expect(tooLarge(4096, MOST_PIXELS / 4096)).toBe("");
		expect(tooLarge(4097, 4096)).toContain("at most 4,096 × 4,096 pixels, but this picture has 4,097 × 4,096");
		expect(tooHeavy(8 * 1024 * 1024)).toBe("");
		expect(tooHeavy(16 * 1024 * 1024)).toContain("takes 16.0 MiB, and at most 8 MiB");
	});
});
