/** Code to take away: read-only text with a Copy button. */
import type { RenderProps } from "@anywidget/types";
import { tokens } from "../lib/python";
import { assign, h, icon, ICONS, listen, setText } from "../parts/dom";
import { component, type ComponentTraits } from "./component";

export interface CodeSnippetTraits extends ComponentTraits {
	code: string;
	label: string;
}

function render(props: RenderProps<CodeSnippetTraits>): void {
	const view = component(props, "code-snippet");
	const label = h("span", { class: "gw-title" });
	const word = h("span", {}, "Copy");
	const button = h("button", { type: "button", class: "gw-quiet" }, icon(ICONS.copy), word);
	const said = h("span", { class: "gw-sr", role: "status" });
	const code = h("code", {});
	const block = h("pre", { tabindex: 0, role: "region" }, code);
	view.body.append(h("div", { class: "gw-code-head" }, label, button, said), block);

	let timer: ReturnType<typeof setTimeout> | undefined;
	const tell = (short: string, long: string): void => {
		clearTimeout(timer);
		setText(word, short);
		setText(said, long);
		timer = setTimeout(() => {
			setText(word, "Copy");
			setText(said, "");
		}, 1600);
	};
	view.signal.addEventListener("abort", () => clearTimeout(timer), { once: true });

	const copy = async (): Promise<void> => {
		try {
			await navigator.clipboard.writeText(view.get("code"));
			tell("Copied", "The code is on the clipboard.");
		} catch {
			// No permission, or not a secure page: select the text, and let the old command try.
			getSelection()?.selectAllChildren(code);
			const copied = document.execCommand?.("copy") ?? false;
			if (copied) tell("Copied", "The code is on the clipboard.");
			else tell("Press Ctrl+C", "The code is selected: copy it with Ctrl+C or Cmd+C.");
		}
	};
	listen(button, "click", () => void copy(), view.signal);

	const update = (): void => {
		const text = view.get("code");
		setText(label, view.get("label") || "Python");
		assign(block, { "aria-label": `${view.get("label") || "Python"}: code` });
		button.disabled = text === "";
		const parts = tokens(text).map(({ kind, text: part }) => (kind ? h("span", { class: `gw-code-${kind}` }, part) : part));
		code.replaceChildren(...parts);
	};
	view.watch(["code", "label"], update);
	update();
	view.ready();
}

export default { render };
