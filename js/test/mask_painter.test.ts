import { inflateSync } from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import maskPainter from "../views/mask_painter";
import { click, givePageASize, mount, press, settle } from "./harness";

givePageASize();

const picture = (): DataView => new DataView(Uint8Array.from([0xff, 0xd8, 0xff]).buffer);
/** A busy machine packs masks slowly. */
const PATIENCE = { timeout: 15_000 };
const none = new DataView(new ArrayBuffer(0));

interface Sent {
	id: string;
	action: string;
	stroke: string;
	tool: string;
	width: number;
	height: number;
	mask: Uint8Array;
}

/** A painter of 64 × 32 pixels on a stage of 640 × 320, and what it sent. */
async function painter(traits: Record<string, unknown> = {}) {
	vi.stubGlobal("createImageBitmap", async () => ({ width: 64, height: 32, close: () => undefined }));
	const shown = await mount(maskPainter, {
		image: picture(),
		size: [64, 32],
		overlay: none,
		brush_size: 8,
		softness: 0,
		color: "#56b4e9",
		tool: "paint",
		tools: ["paint", "erase", "pan"],
		busy: false,
		message: "",
		can_undo: false,
		can_redo: false,
		...traits,
	});
	const stage = shown.one(".gw-stage");
	stage.getBoundingClientRect = () => ({ left: 0, top: 0 }) as DOMRect;
	const strokes: Sent[] = [];
	const { model } = shown;
	const send = model.send.bind(model);
	vi.spyOn(model, "send").mockImplementation(((content: Sent, _: unknown, buffers?: ArrayBuffer[]) => {
		send(content);
		if (content.action === "stroke") strokes.push({ ...content, mask: pixels(new Uint8Array(buffers?.[0] as ArrayBuffer), content) });
	}) as never);
	const point = (type: string, x: number, y: number, options: PointerEventInit = {}): void => {
		stage.dispatchEvent(new PointerEvent(type, { clientX: x, clientY: y, pointerId: 1, button: 0, isPrimary: true, bubbles: true, cancelable: true, pointerType: "mouse", ...options }));
	};
	const drag = (from: [number, number], to: [number, number], options: PointerEventInit = {}): void => {
		point("pointerdown", ...from, options);
		point("pointermove", ...to, options);
		point("pointerup", ...to, options);
	};
	/** Masks are packed by the browser's own streams, which take their time. */
	const packed = async (count: number): Promise<void> => {
		await vi.waitFor(() => expect(strokes).toHaveLength(count), PATIENCE);
		await settle();
	};
	const answer = (stroke: Sent | undefined, error = ""): void => model.receive({ id: stroke?.id, ok: error === "", error });
	return { ...shown, stage, strokes, point, drag, packed, answer, drawn: () => Number(stage.dataset.strokes) };
}

/** A mask as it is, or the rows of a grey PNG with one IDAT and no filters. */
function pixels(png: Uint8Array, { width, height }: { width: number; height: number }): Uint8Array {
	if (png.length === width * height) return png;
	const length = new DataView(png.buffer).getUint32(33);
	const rows = inflateSync(png.slice(41, 41 + length));
	const mask = new Uint8Array(width * height);
	for (let y = 0; y < height; y++) mask.set(rows.subarray(y * (width + 1) + 1, (y + 1) * (width + 1)), y * width);
	return mask;
}

const at = ({ mask, width }: Sent, x: number, y: number): number => mask[y * width + x] as number;

describe("the mask painter", { timeout: 30_000 }, () => {
	it("sends a finished stroke as a mask of the picture's size, where it was painted", async () => {
		const { drag, packed, strokes, drawn } = await painter();
		drag([100, 100], [300, 100]);
		await packed(1);
		const [stroke] = strokes as [Sent];
		expect(stroke).toMatchObject({ action: "stroke", tool: "paint", width: 64, height: 32 });
		expect([at(stroke, 10, 10), at(stroke, 20, 10), at(stroke, 30, 10)]).toEqual([255, 255, 255]);
		expect([at(stroke, 10, 20), at(stroke, 40, 10)]).toEqual([0, 0]);
		expect(drawn()).toBe(1);
	});
	it("packs a large mask", async () => {
		const { model, drag, packed, strokes } = await painter({ size: [512, 256], brush_size: 64 });
		drag([100, 100], [300, 100]);
		await packed(1);
		const [, , buffers] = vi.mocked(model.send).mock.calls[0] as unknown as [unknown, unknown, ArrayBuffer[]];
		expect(buffers[0]?.byteLength).toBeLessThan(512 * 256 / 20);
		expect([at(strokes[0] as Sent, 160, 80), at(strokes[0] as Sent, 160, 200)]).toEqual([255, 0]);
	});
	it("takes every position since the last event, so that a fast curve stays one", async () => {
		const { point, packed, strokes } = await painter({ brush_size: 2 });
		point("pointerdown", 100, 100);
		const move = new PointerEvent("pointermove", { clientX: 300, clientY: 100, pointerId: 1, bubbles: true });
		move.getCoalescedEvents = () => [{ clientX: 200, clientY: 250 }, { clientX: 300, clientY: 100 }] as PointerEvent[];
		document.querySelector(".gw-stage")?.dispatchEvent(move);
		point("pointerup", 300, 100);
		await packed(1);
		expect(at(strokes[0] as Sent, 20, 24)).toBeGreaterThan(0);
		expect(at(strokes[0] as Sent, 20, 10)).toBe(0);
	});
	it("keeps a stroke on the picture until it is confirmed and its picture has come", async () => {
		const { model, drag, packed, strokes, answer, drawn } = await painter({ busy: true });
		const start = performance.now();
		const clock = vi.spyOn(performance, "now").mockReturnValue(start);
		drag([100, 100], [300, 100]);
		await packed(1);
		answer(strokes[0]);
		await settle();
		expect(drawn()).toBe(1);
		model.set("image", picture());
		await settle();
		clock.mockReturnValue(start + 5000);
		await settle();
		expect(drawn()).toBe(0);
	});
	it("draws a picture once, and as soon as it is decoded", async () => {
		const { model, all, drag, packed } = await painter();
		await settle();
		const drawn = vi.spyOn(all("canvas")[0] as HTMLCanvasElement, "getContext");
		drag([100, 100], [300, 100]);
		await packed(1);
		model.set("message", "Looking at what the stroke did…");
		await settle();
		expect(drawn).not.toHaveBeenCalled();
		const frame = vi.spyOn(globalThis, "requestAnimationFrame").mockReturnValue(1);
		model.set("image", picture());
		await vi.waitFor(() => expect(drawn).toHaveBeenCalledTimes(1));
		frame.mockRestore();
	});
	it("keeps a refused stroke, says why, and sends the same one again", async () => {
		const { model, root, drag, packed, strokes, answer, one, drawn } = await painter();
		drag([100, 100], [300, 100]);
		await packed(1);
		model.set("error", "Choose a brush first.");
		answer(strokes[0], "Choose a brush first.");
		await settle();
		expect(root.classList.contains("gw-told")).toBe(true); // not said twice
		expect(one(".gw-paint-text").textContent).toBe("This stroke was not taken and is kept here: Choose a brush first.");
		click(one(".gw-paint-status .gw-button"));
		await packed(2);
		expect(strokes[1]?.stroke).toBe(strokes[0]?.stroke);
		expect(strokes[1]?.mask).toEqual(strokes[0]?.mask);
		answer(strokes[1]);
		await settle();
		expect(one(".gw-paint-status .gw-button").hidden).toBe(true);
		expect(drawn()).toBe(1);
		model.set("error", "Out of memory.");
		await settle();
		expect(root.classList.contains("gw-told")).toBe(false);
	});
	it("keeps strokes after the kernel has gone, until the person discards them", async () => {
		const { model, drag, one, drawn } = await painter();
		model.gone = true;
		drag([100, 100], [300, 100]);
		drag([100, 200], [300, 200]);
		await vi.waitFor(() => expect(one(".gw-paint-text").textContent).toContain("2 strokes were not taken"), PATIENCE);
		await settle();
		expect(drawn()).toBe(2);
		click(one(".gw-paint-status .gw-quiet"));
		await settle();
		expect(drawn()).toBe(0);
		expect(one(".gw-paint-status .gw-quiet").hidden).toBe(true);
	});
	it("cancels the unfinished stroke on Escape and keeps it when the system takes the pointer away", async () => {
		const { stage, point, packed, strokes, drawn } = await painter();
		point("pointerdown", 100, 100);
		point("pointermove", 200, 100);
		press(stage, "Escape");
		point("pointermove", 300, 100);
		point("pointerup", 300, 100);
		await settle();
		expect(drawn()).toBe(0);
		point("pointerdown", 100, 200);
		point("pointermove", 200, 200);
		point("pointercancel", 0, 0);
		await packed(1);
		expect(at(strokes[0] as Sent, 15, 20)).toBe(255);
		expect(at(strokes[0] as Sent, 2, 2)).toBe(0);
	});
	it("erases with its tool or with Ctrl, and only where erasing is offered", async () => {
		const { model, drag, packed, strokes } = await painter();
		drag([100, 100], [300, 100], { ctrlKey: true });
		model.set("tool", "erase");
		drag([100, 100], [300, 100]);
		await packed(2);
		expect(strokes.map(({ tool }) => tool)).toEqual(["erase", "erase"]);
		model.set("tools", ["paint"]);
		model.set("tool", "paint");
		drag([100, 100], [300, 100], { ctrlKey: true });
		drag([100, 100], [300, 100]);
		await packed(3);
		expect(strokes[2]?.tool).toBe("paint");
	});
	it("moves the picture with Space or the middle button, zooms with the wheel, and then paints where one sees it", async () => {
		const { stage, one, point, drag, packed, strokes } = await painter();
		stage.focus();
		const wheel = new WheelEvent("wheel", { deltaY: -Math.log(2) / 0.002, cancelable: true });
		stage.dispatchEvent(Object.assign(wheel, { clientX: 0, clientY: 0 })); // happy-dom gives wheels no place
		await settle();
		expect(one(".gw-paint-zoom button:nth-child(2)").textContent).toBe("200 %");
		press(stage, " ");
		drag([320, 160], [220, 60]);
		stage.dispatchEvent(new KeyboardEvent("keyup", { key: " ", bubbles: true }));
		point("pointerdown", 320, 160, { button: 1 });
		point("pointermove", 220, 60, { button: 1 });
		point("pointerup", 220, 60, { button: 1 });
		drag([320, 160], [320, 160]);
		await packed(1);
		expect(at(strokes[0] as Sent, 26, 18)).toBe(255); // (320 + 200) / 20, (160 + 200) / 20
		expect(at(strokes[0] as Sent, 16, 8)).toBe(0);
	});
	it("leaves the wheel to the page without the focus", async () => {
		const { stage } = await painter();
		const wheel = new WheelEvent("wheel", { deltaY: -300, cancelable: true });
		stage.dispatchEvent(wheel);
		expect(wheel.defaultPrevented).toBe(false);
	});
	it("paints with one finger and zooms with two", async () => {
		const { point, packed, strokes, one, drag } = await painter();
		const finger = (id: number): PointerEventInit => ({ pointerType: "touch", pointerId: id, isPrimary: id === 1 });
		point("pointerdown", 200, 160, finger(1));
		point("pointerdown", 400, 160, finger(2));
		point("pointermove", 100, 160, finger(1));
		point("pointermove", 500, 160, finger(2));
		point("pointerup", 100, 160, finger(1));
		point("pointerup", 500, 160, finger(2));
		await settle();
		expect(one(".gw-paint-zoom button:nth-child(2)").textContent).toBe("200 %");
		drag([320, 160], [330, 160], finger(3));
		await packed(1);
		expect(strokes).toHaveLength(1);
	});
	it("paints with the keys alone: a dab with Enter or Space, a line with arrows while Space is held", async () => {
		const { stage, packed, strokes } = await painter();
		const keyup = (): boolean => stage.dispatchEvent(new KeyboardEvent("keyup", { key: " ", bubbles: true }));
		stage.focus();
		for (let i = 0; i < 4; i++) press(stage, "ArrowLeft"); // from the middle, a quarter of the brush each
		press(stage, "Enter");
		await packed(1);
		expect(at(strokes[0] as Sent, 24, 16)).toBe(255);
		expect(at(strokes[0] as Sent, 32, 16)).toBe(0);
		press(stage, " ");
		keyup();
		await packed(2);
		press(stage, " ");
		for (let i = 0; i < 10; i++) press(stage, "ArrowRight");
		keyup();
		await packed(3);
		expect([24, 34, 44].map((x) => at(strokes[2] as Sent, x, 16))).toEqual([255, 255, 255]);
		press(stage, "ArrowRight", { shiftKey: true });
		expect(strokes).toHaveLength(3);
	});
	it("changes the brush and the tool with keys, within limits", async () => {
		const { stage, model } = await painter();
		press(stage, "]");
		expect(model.get("brush_size")).toBe(9);
		for (let i = 0; i < 60; i++) press(stage, "[");
		expect(model.get("brush_size")).toBe(1);
		press(stage, "}");
		expect(model.get("softness")).toBe(0.1);
		press(stage, "e");
		expect(model.get("tool")).toBe("erase");
		press(stage, "e");
		expect(model.get("tool")).toBe("paint");
	});
	it("asks for undo after the strokes that were painted before, and first takes back what Python refused", async () => {
		const { model, root, drag, packed, strokes, answer, drawn } = await painter({ can_redo: true });
		press(root, "z", { ctrlKey: true });
		drag([100, 100], [300, 100]);
		press(root, "z", { ctrlKey: true });
		await packed(1);
		await vi.waitFor(() => expect(model.sent.map(({ action }) => action)).toEqual(["stroke", "undo"]), PATIENCE);
		answer(strokes[0], "No.");
		await settle();
		press(root, "z", { ctrlKey: true });
		await settle();
		expect(drawn()).toBe(0);
		expect(model.sent).toHaveLength(2);
		press(root, "z", { ctrlKey: true, shiftKey: true });
		await vi.waitFor(() => expect(model.sent.at(-1)?.action).toBe("redo"), PATIENCE);
	});
	it("says why nothing can be painted: no kernel, a picture that is too large, no picture", async () => {
		const saved = await painter({ live: false });
		saved.drag([100, 100], [300, 100]);
		await settle();
		expect(saved.one(".gw-paint-text").textContent).toBe("Painting needs Python: open the notebook to use it.");
		const large = await painter({ size: [5000, 4000] });
		large.drag([100, 100], [300, 100]);
		await settle();
		expect(large.one(".gw-paint-text").textContent).toContain("at most 4,096 × 4,096 pixels, but this picture has 5,000 × 4,000");
		expect(saved.strokes.length + large.strokes.length).toBe(0);
		const empty = await painter({ image: none, message: "Choose a scene." });
		expect(empty.one(".gw-blank").textContent).toBe("Choose a scene.");
		expect(empty.one(".gw-stage").hidden).toBe(true);
	});
	it("sends 200 strokes in order without waiting for answers", async () => {
		const { drag, packed, strokes } = await painter();
		for (let i = 0; i < 200; i++) drag([i * 3, 100], [i * 3, 100]);
		await packed(200);
		expect(new Set(strokes.map(({ stroke }) => stroke)).size).toBe(200);
		const middles = strokes.map(({ mask }) => {
			const row = [...mask.subarray(10 * 64, 11 * 64)];
			return row.reduce((sum, value, x) => sum + value * x, 0) / row.reduce((sum, value) => sum + value, 0);
		});
		middles.slice(1).forEach((middle, i) => expect(middle).toBeGreaterThan((middles[i] as number) - 1e-9));
	});
});

