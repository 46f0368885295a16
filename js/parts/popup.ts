/** A panel that opens above everything else: in the top layer where the browser has one, so that no cell cuts it off. */
import { listen } from "./dom";

export interface Popup {
	readonly open: boolean;
	show(): void;
	hide(): void;
}

export function popup(anchor: HTMLElement, panel: HTMLElement, changed: (open: boolean) => void, signal: AbortSignal): Popup {
	const layered = typeof panel.showPopover === "function";
	let open = false;
	let shown: AbortController | null = null;
	if (layered) panel.popover = "manual";
	else panel.hidden = true;

	const place = (): void => {
		if (!layered) return;
		const box = anchor.getBoundingClientRect();
		const below = window.innerHeight - box.bottom - 12;
		const above = box.top - 12;
		const up = below < 180 && above > below;
		panel.style.minWidth = `${box.width}px`;
		panel.style.maxHeight = `${Math.max(120, Math.min(360, up ? above : below))}px`;
		panel.style.left = `${Math.max(4, Math.min(box.left, window.innerWidth - panel.offsetWidth - 4))}px`;
		panel.style.top = up ? "auto" : `${box.bottom + 4}px`;
		panel.style.bottom = up ? `${window.innerHeight - box.top + 4}px` : "auto";
	};
	const hide = (): void => {
		if (!open) return;
		open = false;
		shown?.abort();
		if (layered) panel.hidePopover();
		else panel.hidden = true;
		changed(false);
	};
	signal.addEventListener("abort", () => shown?.abort(), { once: true });
	return {
		get open() {
			return open;
		},
		hide,
		show() {
			if (open || signal.aborted) return;
			open = true;
			shown = new AbortController();
			if (layered) panel.showPopover();
			else panel.hidden = false;
			place();
			const outside = (event: Event): void => {
				const path = event.composedPath();
				if (!path.includes(panel) && !path.includes(anchor)) hide();
			};
			listen(document, "pointerdown", outside, shown.signal, { capture: true });
			listen(document, "scroll", (event) => !event.composedPath().includes(panel) && place(), shown.signal, { capture: true });
			listen(window, "resize", place, shown.signal);
			changed(true);
		},
	};
}
