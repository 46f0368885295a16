import { describe, expect, it } from "vitest";
import { clampCamera, panBy, place, reveal, stageHeight, toPicture, WHOLE, zoomAt } from "../lib/camera";

const picture = { width: 64, height: 32 };
const stage = { width: 640, height: 400 };

describe("the camera", () => {
	it("fits the whole picture into the middle", () => {
		expect(place(WHOLE, picture, stage)).toEqual({ scale: 10, x: 0, y: 40 });
		expect(toPicture(place(WHOLE, picture, stage), 320, 200)).toEqual({ x: 32, y: 16 });
	});
	it("keeps the point under the pointer where it is while zooming", () => {
		const before = toPicture(place(WHOLE, picture, stage), 500, 200);
		const camera = zoomAt(WHOLE, 3, 500, 200, picture, stage);
		const after = toPicture(place(camera, picture, stage), 500, 200);
		expect(after.x).toBeCloseTo(before.x, 6);
		expect(after.y).toBeCloseTo(before.y, 6);
		expect(camera.zoom).toBe(3);
	});
	it("neither zooms out beyond the whole nor in without end", () => {
		expect(zoomAt(WHOLE, 0.2, 10, 10, picture, stage)).toEqual(WHOLE);
		expect(zoomAt(WHOLE, 1e6, 320, 200, picture, stage).zoom).toBe(24);
	});
	it("never shows a gap where the picture could be", () => {
		const camera = panBy(zoomAt(WHOLE, 4, 320, 200, picture, stage), 9999, -9999, picture, stage);
		const at = place(camera, picture, stage);
		expect(at.x).toBeCloseTo(0, 6);
		expect(at.y + 32 * at.scale).toBeCloseTo(400, 6);
		expect(panBy(WHOLE, 50, 50, picture, stage)).toEqual(WHOLE);
	});
	it("stays on the same part when the window changes", () => {
		const camera = zoomAt(WHOLE, 4, 500, 300, picture, stage);
		const smaller = clampCamera(camera, picture, { width: 320, height: 200 });
		expect(smaller).toEqual(camera);
	});
	it("follows a brush that leaves the view, and no further", () => {
		const camera = zoomAt(WHOLE, 4, 320, 200, picture, stage);
		expect(reveal(camera, 32, 16, picture, stage)).toEqual(camera);
		const there = reveal(camera, 50, 16, picture, stage);
		const at = place(there, picture, stage);
		expect(50 * at.scale + at.x).toBeCloseTo(640 - 24, 6);
	});
	it("gives the stage the picture's shape within limits", () => {
		expect(stageHeight(picture, 600, 576)).toBe(300);
		expect(stageHeight({ width: 10, height: 40 }, 600, 576)).toBe(576);
		expect(stageHeight({ width: 100, height: 1 }, 300, 576)).toBe(120);
	});
});
