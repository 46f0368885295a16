/** Which part of a picture is seen, and how large: zoom and pan that survive a change of the window's size. */

export interface Extent {
	width: number;
	height: number;
}

/** `zoom` is 1 when the whole picture fits; (x, y) is the point of the picture in the middle, as shares of its size. */
export interface Camera {
	zoom: number;
	x: number;
	y: number;
}

/** page = picture · scale + (x, y) */
export interface Placement {
	scale: number;
	x: number;
	y: number;
}

export const WHOLE: Camera = { zoom: 1, x: 0.5, y: 0.5 };
const CLOSEST = 24;

const fitting = (picture: Extent, stage: Extent): number =>
	Math.min(stage.width / Math.max(1, picture.width), stage.height / Math.max(1, picture.height));

export function place(camera: Camera, picture: Extent, stage: Extent): Placement {
	const scale = fitting(picture, stage) * camera.zoom;
	return {
		scale,
		x: stage.width / 2 - camera.x * picture.width * scale,
		y: stage.height / 2 - camera.y * picture.height * scale,
	};
}

/** Keeps the picture in the middle of an axis on which it has room, and without a gap on one on which it has none. */
export function clampCamera(camera: Camera, picture: Extent, stage: Extent): Camera {
	const zoom = Math.max(1, Math.min(CLOSEST, camera.zoom));
	const scale = fitting(picture, stage) * zoom;
	const axis = (at: number, inside: number, room: number): number => {
		const half = room / 2 / (inside * scale);
		return half >= 0.5 - 1e-9 ? 0.5 : Math.max(half, Math.min(1 - half, at));
	};
	return { zoom, x: axis(camera.x, picture.width, stage.width), y: axis(camera.y, picture.height, stage.height) };
}

/** Zooms by a factor so that the point of the picture under (x, y) of the stage stays there. */
export function zoomAt(camera: Camera, factor: number, x: number, y: number, picture: Extent, stage: Extent): Camera {
	const zoom = Math.max(1, Math.min(CLOSEST, camera.zoom * factor));
	const under = toPicture(place(camera, picture, stage), x, y);
	const scale = fitting(picture, stage) * zoom;
	const next = {
		zoom,
		x: (under.x + (stage.width / 2 - x) / scale) / picture.width,
		y: (under.y + (stage.height / 2 - y) / scale) / picture.height,
	};
	return clampCamera(next, picture, stage);
}

/** Moves the picture by (dx, dy) page pixels. */
export function panBy(camera: Camera, dx: number, dy: number, picture: Extent, stage: Extent): Camera {
	const scale = fitting(picture, stage) * camera.zoom;
	const next = { ...camera, x: camera.x - dx / (scale * picture.width), y: camera.y - dy / (scale * picture.height) };
	return clampCamera(next, picture, stage);
}

/** Moves the picture no further than needed to bring a point of it into view, with a margin in page pixels. */
export function reveal(camera: Camera, x: number, y: number, picture: Extent, stage: Extent, margin = 24): Camera {
	const at = place(camera, picture, stage);
	const short = (value: number, room: number): number => Math.max(0, margin - value) - Math.max(0, value - (room - margin));
	return panBy(camera, short(x * at.scale + at.x, stage.width), short(y * at.scale + at.y, stage.height), picture, stage);
}

export const toPicture = (at: Placement, x: number, y: number): { x: number; y: number } => ({
	x: (x - at.x) / at.scale,
	y: (y - at.y) / at.scale,
});

/** How high a stage of this width is: the picture's shape, but never higher than `most`. */
export const stageHeight = (picture: Extent, width: number, most: number): number =>
	Math.round(Math.max(120, Math.min(most, (width * picture.height) / Math.max(1, picture.width))));
