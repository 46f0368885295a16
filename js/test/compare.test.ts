import { describe, expect, it, vi } from "vitest";
import { difference, heat, scaleTop } from "../lib/difference";
import compare from "../views/compare";
import { click, givePageASize, mount, press, settle } from "./harness";

givePageASize();

const picture = new DataView(Uint8Array.from([0xff, 0xd8, 0xff]).buffer);
const none = new DataView(new ArrayBuffer(0));
const traits = () => ({ before: picture, after: picture, labels: ["Before", "After"], mode: "slider", position: 0.5, title: "", message: "", busy: false });
const bitmaps = () => vi.stubGlobal("createImageBitmap", async () => ({ width: 64, height: 32, close: vi.fn() }));

describe("the difference of two pictures", () => {
	it("is the mean change of the channels, as a share of their range", () => {
		const found = difference([0, 0, 0, 255, 255, 255, 255, 255], [255, 0, 0, 255, 255, 255, 255, 0]);
		expect(found.change[0]).toBeCloseTo(1 / 3, 6);
		expect(found.change[1]).toBe(0);
		expect(found.largest).toBeCloseTo(1 / 3, 6);
		expect(found.changed).toBe(0.5);
	});
	it("does not make noise look like an edit", () => {
		const noise = difference([10, 10, 10, 255], [12, 10, 11, 255]);
		expect(noise.changed).toBe(0);
		expect(scaleTop(noise)).toBe(0.1);
		expect(scaleTop(difference([0, 0, 0, 255], [255, 255, 255, 255]))).toBe(1);
	});
	it("is coloured from the dark to the light end of viridis", () => {
		const found = difference([0, 0, 0, 255, 0, 0, 0, 255], [0, 0, 0, 255, 255, 255, 255, 255]);
		expect([...heat(found, 1)]).toEqual([0x44, 0x01, 0x54, 255, 0xfd, 0xe7, 0x25, 255]);
	});
	it("of equal and of no pictures is nothing", () => {
		expect(difference([1, 2, 3, 4], [1, 2, 3, 4])).toMatchObject({ largest: 0, changed: 0 });
		expect(difference([], [])).toMatchObject({ largest: 0, changed: 0 });
	});
});

describe("compare", () => {
	it("moves the line with the keys and says where it stands", async () => {
		bitmaps();
		const { model, one } = await mount(compare, traits());
		const line = one("[role=slider]");
		press(line, "ArrowRight");
		expect(model.get("position")).toBe(0.52);
		press(line, "ArrowLeft", { shiftKey: true });
		expect(model.get("position")).toBeCloseTo(0.42, 6);
		press(line, "End");
		await settle();
		expect(model.get("position")).toBe(1);
		expect(line.getAttribute("aria-valuetext")).toBe("100 % Before, 0 % After");
		expect(press(line, "x").defaultPrevented).toBe(false);
	});
	it("moves the line by a drag anywhere on the picture, at most once a frame", async () => {
		bitmaps();
		const { model, one } = await mount(compare, traits());
		const stage = one(".gw-compare-stage");
		stage.getBoundingClientRect = () => ({ left: 100, width: 200 }) as DOMRect;
		const point = (type: string, x: number) =>
			stage.dispatchEvent(new PointerEvent(type, { clientX: x, pointerId: 1, button: 0, isPrimary: true, bubbles: true }));
		point("pointerdown", 150);
		for (const x of [160, 170, 180]) point("pointermove", x);
		await settle();
		expect(model.saved).toHaveBeenCalledTimes(1);
		expect(model.get("position")).toBe(0.4);
		point("pointerup", 400);
		expect(model.get("position")).toBe(1);
		point("pointermove", 150);
		await settle();
		expect(model.get("position")).toBe(1);
	});
	it("shows both, or what changed, when that is chosen", async () => {
		bitmaps();
		const { model, one } = await mount(compare, traits());
		click(one("[data-value=side]"));
		expect(model.get("mode")).toBe("side");
		await settle();
		expect(one(".gw-compare-stage").dataset.shown).toBe("side");
		expect(one("[role=slider]").hidden).toBe(true);
		click(one("[data-value=difference]"));
		await settle();
		expect(one(".gw-compare-before").hidden).toBe(true);
		expect(one(".gw-compare-difference").hidden).toBe(false);
		expect(one(".gw-compare-legend").hidden).toBe(false);
	});
	it("shows one picture whole while the other is missing, and says when there is none", async () => {
		bitmaps();
		const { model, one } = await mount(compare, { ...traits(), after: none });
		expect(one(".gw-compare-stage").dataset.shown).toBe("one");
		expect(one(".gw-segmented").hidden).toBe(true);
		expect(one(".gw-compare-tag-after").hidden).toBe(true);
		model.set("before", none);
		model.set("message", "Paint something.");
		await settle();
		expect(one(".gw-compare-stage").hidden).toBe(true);
		expect(one(".gw-blank").textContent).toBe("Paint something.");
	});
	it("keeps the old picture until the new one is decoded, and a late one does not win", async () => {
		const done: ((bitmap: unknown) => void)[] = [];
		vi.stubGlobal("createImageBitmap", () => new Promise((resolve) => done.push(resolve)));
		const { model, one } = await mount(compare, traits());
		const close = vi.fn();
		done.splice(0).forEach((resolve) => resolve({ width: 8, height: 8, close }));
		await settle();
		model.set("after", new DataView(picture.buffer.slice(0)));
		model.set("after", new DataView(picture.buffer.slice(0)));
		await settle();
		expect(one(".gw-compare-stage").dataset.shown).toBe("slider");
		expect(close).not.toHaveBeenCalled();
		const late = { width: 1, height: 1, close: vi.fn() };
		done[1]?.({ width: 8, height: 8, close: vi.fn() });
		done[0]?.(late);
		await settle();
		expect(late.close).toHaveBeenCalled();
		expect(close).toHaveBeenCalledTimes(1);
	});
});
