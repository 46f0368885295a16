/** One picture of a sheet, large and pixel by pixel, beside the place it came from. */
import { fitCanvas, h, setText } from "./dom";
import type { Sheet } from "./sheets";

const SIDE = 224; // of the magnified picture [px]

export interface Magnifier {
	element: HTMLElement;
	readonly shown: boolean;
	/** Shows tile `index` above `cell`, or below it when there is no room above. */
	show(sheet: Sheet, index: number, cell: HTMLElement, words: string): void;
	hide(): void;
}

export function magnifier(root: HTMLElement): Magnifier {
	const canvas = h("canvas", { width: SIDE, height: SIDE });
	const caption = h("span");
	const element = h("div", { class: "gw-zoom", hidden: true, role: "presentation" }, canvas, caption);
	return {
		element,
		get shown() {
			return !element.hidden;
		},
		hide() {
			element.hidden = true;
		},
		show(sheet, index, cell, words) {
			element.hidden = false;
			const [tileWidth, tileHeight] = sheet.data.tile as [number, number];
			const scale = SIDE / Math.max(tileWidth, tileHeight);
			const [width, height] = [tileWidth * scale, tileHeight * scale];
			const context = fitCanvas(canvas, width, height);
			canvas.style.width = `${width}px`;
			canvas.style.height = `${height}px`;
			const source = sheet.get("image");
			if (context && source) {
				const x = (index % sheet.data.columns) * tileWidth;
				const y = Math.floor(index / sheet.data.columns) * tileHeight;
				context.imageSmoothingEnabled = false;
				context.drawImage(source, x, y, tileWidth, tileHeight, 0, 0, width, height);
			}
			setText(caption, words);
			const [box, home] = [cell.getBoundingClientRect(), root.getBoundingClientRect()];
			const middle = box.left + box.width / 2 - home.left - element.offsetWidth / 2;
			const left = Math.max(0, Math.min(middle, home.width - element.offsetWidth));
			const above = box.top - home.top - element.offsetHeight - 6;
			const top = above + home.top > 0 ? above : box.bottom - home.top + 6;
			element.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
		},
	};
}
