/** A read-out beside a place of a chart; it never takes the pointer. */
import { h } from "./dom";

export interface Tip {
	element: HTMLElement;
	/** Shows `content` beside (x, y), in pixels of `within`; it stays inside the component where there is room. */
	show(within: Element, x: number, y: number, content: readonly Node[]): void;
	hide(): void;
}

export function tip(root: HTMLElement): Tip {
	const element = h("div", { class: "gw-tip", role: "presentation", hidden: true });
	return {
		element,
		hide() {
			element.hidden = true;
		},
		show(within, x, y, content) {
			element.hidden = false;
			element.replaceChildren(...content);
			const [box, home] = [within.getBoundingClientRect(), root.getBoundingClientRect()];
			const [left, top] = [box.left - home.left + x, box.top - home.top + y];
			const { offsetWidth: width, offsetHeight: height } = element;
			const right = left + 14 + width <= home.width;
			const beside = right ? left + 14 : left - 14 - width;
			const inside = Math.max(0, Math.min(beside, home.width - width));
			// Where neither side has room it goes above or below, so that it hides nothing.
			const above = inside === beside ? top - height / 2 : top - height - 14 >= 0 ? top - height - 14 : top + 18;
			element.style.transform = `translate(${Math.round(inside)}px, ${Math.round(Math.max(-8, above))}px)`;
		},
	};
}
