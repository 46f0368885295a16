import { describe, expect, it, vi } from "vitest";
import { type Crop, dragged, fromList, largest, moved, pixels, placed, ratioOf, scaledBy, shaped, toList, WHOLE } from "../lib/crop";
import cropBox from "../views/crop_box";
import { click, givePageASize, mount, press, settle } from "./harness";

givePageASize();

const close = (box: Crop, list: number[]): void => toList(box).forEach((side, i) => expect(side).toBeCloseTo(list[i] as number, 5));

describe("a box on a picture", () => {
	it("has the wanted shape in pixels, whatever the picture's", () => {
		const ratio = ratioOf(1, { width: 200, height: 100 });
		expect(ratio).toBe(0.5);
		close(largest(ratio), [0, 0.25, 1, 0.75]);
		close(largest(ratioOf(2, { width: 100, height: 200 })), [0.375, 0, 0.625, 1]);
		close(largest(0), [0, 0, 1, 1]);
		expect(pixels(largest(ratio), { width: 200, height: 100 })).toEqual({ width: 100, height: 100 });
	});
	it("moves as far as there is room", () => {
		const box = { top: 0.2, left: 0.2, bottom: 0.6, right: 0.6 };
		close(moved(box, 0.1, -0.1), [0.1, 0.3, 0.5, 0.7]);
		close(moved(box, 5, -5), [0, 0.6, 0.4, 1]);
	});
	it("is pulled by a corner, with and without a shape, and never leaves the picture", () => {
		const box = { top: 0.2, left: 0.2, bottom: 0.6, right: 0.6 };
		close(dragged(box, { x: 1, y: 1 }, 0.9, 0.7, 0), [0.2, 0.2, 0.7, 0.9]);
		close(dragged(box, { x: 1, y: 1 }, 0.9, 0.7, 1), [0.2, 0.2, 0.9, 0.9]);
		close(dragged(box, { x: 1, y: 1 }, 3, 3, 2), [0.2, 0.2, 0.6, 1]);
		close(dragged(box, { x: -1, y: -1 }, -3, 0.5, 0), [0.5, 0, 0.6, 0.6]);
		close(dragged(box, { x: 1, y: 0 }, 0.9, 0, 0), [0.2, 0.2, 0.6, 0.9]);
		close(dragged(box, { x: 0, y: 1 }, 0, 0.9, 1), [0.2, 0.05, 0.9, 0.75]);
		close(dragged(box, { x: 1, y: 1 }, -1, -1, 0), [0.2, 0.2, 0.22, 0.22]);
	});
	it("grows about its middle, and moves where it would leave the picture", () => {
		close(scaledBy({ top: 0.4, left: 0.4, bottom: 0.6, right: 0.6 }, 2, 1), [0.3, 0.3, 0.7, 0.7]);
		close(scaledBy({ top: 0, left: 0, bottom: 0.2, right: 0.2 }, 2, 1), [0, 0, 0.4, 0.4]);
		close(scaledBy({ top: 0, left: 0.25, bottom: 1, right: 0.75 }, 2, 0.5), [0, 0.25, 1, 0.75]);
		close(scaledBy({ top: 0.4, left: 0.4, bottom: 0.6, right: 0.6 }, 1e-6, 1), [0.49, 0.49, 0.51, 0.51]);
	});
	it("takes a shape about its middle", () => {
		close(shaped(WHOLE, 0.5), [0, 0.25, 1, 0.75]);
		close(shaped({ top: 0, left: 0, bottom: 0.4, right: 0.1 }, 1), [0.1, 0, 0.3, 0.2]);
		expect(shaped(WHOLE, 0)).toBe(WHOLE);
	});
	it("is the whole picture when it is none", () => {
		expect(fromList([0.5, 0, 0.5, 1])).toBe(WHOLE);
		expect(fromList([1])).toBe(WHOLE);
	});
	it("is cut, put between bars or squashed", () => {
		const [part, frame] = [{ width: 40, height: 20 }, { width: 10, height: 10 }];
		expect(placed(part, frame, "crop")).toEqual({ x: -5, y: 0, width: 20, height: 10 });
		expect(placed(part, frame, "letterbox")).toEqual({ x: 0, y: 2.5, width: 10, height: 5 });
		expect(placed(part, frame, "stretch")).toEqual({ x: 0, y: 0, width: 10, height: 10 });
	});
});

const image = new DataView(Uint8Array.from([0xff, 0xd8, 0xff]).buffer);
const traits = () => ({ image, size: [200, 100], box: [0, 0.25, 1, 0.75], aspect: 1, fit: "crop", fits: ["crop", "letterbox", "stretch"], title: "", message: "", busy: false });
const bitmaps = () => vi.stubGlobal("createImageBitmap", async () => ({ width: 64, height: 32, close: vi.fn() }));

/** A pointer at a place of the picture, in shares; the stage is given a size of 100 × 100. */
function point(target: Element, type: string, x: number, y: number): void {
	target.dispatchEvent(new PointerEvent(type, { bubbles: true, cancelable: true, button: 0, pointerId: 1, isPrimary: true, clientX: x * 100, clientY: y * 100 } as PointerEventInit));
}
async function shown(changes: Record<string, unknown> = {}) {
	bitmaps();
	const mounted = await mount(cropBox, { ...traits(), ...changes });
	vi.spyOn(mounted.one(".gw-crop-stage"), "getBoundingClientRect").mockReturnValue({ left: 0, top: 0, width: 100, height: 100 } as DOMRect);
	await settle();
	return mounted;
}

describe("the crop box", () => {
	it("is moved by its inside, and Python hears of it when the pointer lets go", async () => {
		const { model, one } = await shown();
		const frame = one(".gw-crop-frame");
		point(frame, "pointerdown", 0.5, 0.5);
		point(frame, "pointermove", 0.6, 0.5);
		await settle();
		expect(model.get("box")).toEqual([0, 0.25, 1, 0.75]);
		expect(frame.getAttribute("style")).toContain("left:35.000%");
		point(frame, "pointerup", 0.6, 0.5);
		expect(model.get("box")).toEqual([0, 0.35, 1, 0.85]);
	});
	it("is pulled by a grip and keeps its shape; Escape takes the gesture back", async () => {
		const { model, one } = await shown();
		const grip = one('[data-x="1"][data-y="1"]');
		point(grip, "pointerdown", 0.75, 1);
		point(one(".gw-crop-frame"), "pointermove", 0.5, 0.5);
		press(one(".gw-crop-frame"), "Escape");
		point(one(".gw-crop-frame"), "pointerup", 0.5, 0.5);
		expect(model.get("box")).toEqual([0, 0.25, 1, 0.75]);
		point(grip, "pointerdown", 0.75, 1);
		point(one(".gw-crop-frame"), "pointermove", 0.5, 0.4);
		point(one(".gw-crop-frame"), "pointerup", 0.5, 0.4);
		expect(model.get("box")).toEqual([0, 0.25, 0.5, 0.5]);
	});
	it("obeys the keys and says what it holds", async () => {
		const { model, one } = await shown();
		const frame = one(".gw-crop-frame");
		expect(frame.getAttribute("aria-label")).toBe("Part of the picture: 100 × 100 of 200 × 100 pixels");
		press(frame, "ArrowRight");
		expect(model.get("box")).toEqual([0, 0.26, 1, 0.76]);
		press(frame, "-");
		expect((model.get("box") as number[])[0]).toBeGreaterThan(0);
		press(frame, "Home");
		expect(model.get("box")).toEqual([0, 0.25, 1, 0.75]);
		press(frame, "ArrowLeft", { shiftKey: true });
		await settle();
		expect(one(".gw-crop-words").textContent).toContain("95 × 95 of 200 × 100 pixels");
		expect(press(frame, "x").defaultPrevented).toBe(false);
	});
	it("loses its shape between bars, and gets it back", async () => {
		const { model, one, all } = await shown();
		click(all("[role=radio]")[1] as Element);
		expect([model.get("fit"), model.get("box")]).toEqual(["letterbox", [0, 0, 1, 1]]);
		await settle();
		expect(one(".gw-crop-words").textContent).toContain("between grey bars");
		click(all("[role=radio]")[0] as Element);
		expect([model.get("fit"), model.get("box")]).toEqual(["crop", [0, 0.25, 1, 0.75]]);
	});
	it("says what is missing, and moves nothing without Python", async () => {
		const { one, model } = await mount(cropBox, { ...traits(), image: new DataView(new ArrayBuffer(0)), message: "Open a photo." });
		expect(one(".gw-blank").textContent).toBe("Open a photo.");
		expect(one(".gw-crop-stage").hidden).toBe(true);
		const saved = await shown({ live: false });
		press(saved.one(".gw-crop-frame"), "ArrowRight");
		expect(saved.model.saved).not.toHaveBeenCalled();
		expect(model.saved).not.toHaveBeenCalled();
	});
});
