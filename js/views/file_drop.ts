/** A place to drop a file, or to choose one; its bytes go to Python, which says whether it can use them. */
import type { RenderProps } from "@anywidget/types";
import { fileTooHeavy, PIECE } from "../lib/limits";
import { assign, h, icon, listen, setText } from "../parts/dom";
import { packed } from "../parts/shrink_picture";
import { component, type ComponentTraits } from "./component";

export interface FileDropTraits extends ComponentTraits {
	label: string;
	hint: string;
	accept: string[];
	disabled: string;
	max_side: number;
}

const ARROW = "M8 13.5V6 M4.5 9 8 5.5 11.5 9 M3 2.5h10";

function render(props: RenderProps<FileDropTraits>): void {
	const view = component(props, "file-drop");
	const { signal, get } = view;
	const words = h("span", {});
	const button = h("button", { type: "button", class: "gw-button" }, icon(ARROW), words);
	const input = h("input", { type: "file", hidden: true, tabindex: -1, "aria-hidden": "true" });
	const hint = h("span", { class: "gw-faint" });
	const said = h("span", { class: "gw-drop-said", role: "status" });
	const paste = h("button", { type: "button", class: "gw-quiet", title: "Take the picture from the clipboard" }, "Paste");
	const zone = h("div", { class: "gw-drop", tabindex: -1 }, button, paste, input, hint, said);
	view.body.append(zone);
	let busy = false;
	let depth = 0; // dragging over a child leaves the parent

	const obstacle = (): string => (view.live ? get("disabled") : view.needs);
	const draw = (): void => {
		const why = obstacle();
		setText(words, get("label"));
		setText(hint, get("hint"));
		hint.hidden = get("hint") === "";
		button.disabled = paste.disabled = why !== "" || busy;
		paste.hidden = get("max_side") <= 0 || !navigator.clipboard?.read;
		assign(button, { title: why || null, "aria-busy": busy ? "true" : null });
		assign(input, { accept: get("accept").join(",") || null });
		zone.classList.toggle("gw-over", depth > 0 && why === "");
	};
	const refuse = (why: string): void => {
		setText(said, why);
		said.classList.add("gw-refused");
	};
	/** One after the other, as a single message holds no large file; Python puts them together. */
	const inPieces = async (name: string, content: ArrayBuffer): Promise<void> => {
		const parts = Math.max(1, Math.ceil(content.byteLength / PIECE));
		const upload = Math.random().toString(36).slice(2);
		for (let part = 0; part < parts; part++) {
			const piece = parts === 1 ? content : content.slice(part * PIECE, (part + 1) * PIECE);
			await view.request("file", { name, upload, part, parts }, 0, [piece]);
			if (signal.aborted) return;
			if (part + 1 < parts) setText(said, `Sending ${name}: ${Math.round((100 * (part + 1)) / parts)} %`);
		}
	};
	const send = async (file: File): Promise<void> => {
		if (obstacle() !== "") return;
		if (busy) return refuse(`${file.name} was not taken: the file before it is still being opened.`);
		said.classList.remove("gw-refused");
		setText(said, "");
		const endings = get("accept");
		if (endings.length > 0 && !endings.some((ending) => file.name.toLowerCase().endsWith(ending))) {
			return refuse(`${file.name} ends in none of ${endings.join(", ")}.`);
		}
		const heavy = fileTooHeavy(file.name, file.size);
		if (heavy && get("max_side") <= 0) return refuse(heavy);
		busy = true;
		draw();
		try {
			const sent = await packed(file, get("max_side"));
			if (signal.aborted) return;
			if (sent) {
				await inPieces(file.name, sent.content);
				if (!signal.aborted) setText(said, [`${file.name} was opened.`, sent.note].filter(Boolean).join(" "));
			} else refuse(heavy);
		} catch {
			if (!signal.aborted) setText(said, ""); // the reason stands in `error`
		}
		busy = false;
		if (!signal.aborted) draw();
	};

	listen(button, "click", () => input.click(), signal);
	listen(input, "change", () => {
		const file = input.files?.[0];
		if (file) void send(file);
		input.value = ""; // the same file can be chosen again
	}, signal);
	const over = (event: DragEvent, by: number): void => {
		if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
		event.preventDefault();
		event.stopPropagation(); // the notebook would open it
		depth = Math.max(0, depth + by);
		draw();
	};
	listen(zone, "dragenter", (event) => over(event, 1), signal);
	listen(zone, "dragover", (event) => over(event, 0), signal);
	listen(zone, "dragleave", (event) => over(event, -1), signal);
	listen(zone, "drop", (event) => {
		over(event, -depth);
		one([...(event.dataTransfer?.files ?? [])]);
	}, signal);
	const one = (files: readonly File[]): void => {
		if (files.length > 1) refuse("Take one file at a time.");
		else if (files[0]) void send(files[0]);
	};
	listen(zone, "paste", (event) => {
		const files = [...(event.clipboardData?.files ?? [])];
		if (files.length === 0) return;
		event.preventDefault();
		event.stopPropagation(); // the notebook would paste a cell
		one(files);
	}, signal);
	listen(paste, "click", async () => {
		try {
			const items = await navigator.clipboard.read();
			const item = items.find(({ types }) => types.some(isPicture));
			const type = item?.types.find(isPicture);
			if (!item || !type) return refuse("There is no picture in the clipboard.");
			void send(new File([await item.getType(type)], `pasted.${type.slice("image/".length)}`, { type }));
		} catch {
			refuse("The browser does not let this page read the clipboard: click here, then press Ctrl-V (⌘V).");
		}
	}, signal);
	view.watch(["label", "hint", "accept", "disabled", "max_side"], draw);
	view.onLive(draw);
	draw();
	view.ready();
}

const isPicture = (type: string): boolean => type.startsWith("image/");

export default { render };
