/** A sentence that says what was found, and the numbers behind it. */
import type { RenderProps } from "@anywidget/types";
import { assign, h, icon, ICONS, perFrame, setText } from "../parts/dom";
import { component, type ComponentTraits } from "./component";

export interface FactsTraits extends ComponentTraits {
	title: string;
	sentence: string;
	tone: string;
	facts: { label: string; value: string; note?: string | null }[];
	message: string;
}

function render(props: RenderProps<FactsTraits>): void {
	const view = component(props, "facts");
	const { signal, get } = view;
	const title = h("h3", { class: "gw-title" });
	const mark = h("span", { class: "gw-facts-mark" });
	const words = h("span", {});
	const sentence = h("p", { class: "gw-facts-sentence", role: "status" }, mark, words);
	const list = h("dl", { class: "gw-facts-list" });
	const blank = h("p", { class: "gw-facts-blank gw-faint" });
	view.body.append(title, sentence, list, blank);

	const draw = (): void => {
		const [said, facts, tone] = [get("sentence"), get("facts"), get("tone")];
		setText(title, get("title"));
		title.hidden = get("title") === "";
		setText(words, said);
		sentence.hidden = said === "";
		assign(sentence, { "data-tone": tone || null });
		mark.replaceChildren(...(tone ? [icon(tone === "good" ? ICONS.check : ICONS.alert)] : []));
		list.replaceChildren(
			...facts.map(({ label, value, note }) =>
				h("div", { class: "gw-fact" }, h("dt", {}, label), h("dd", {}, h("strong", {}, value), note ? h("div", { class: "gw-fact-note" }, note) : null)),
			),
		);
		list.hidden = facts.length === 0;
		blank.hidden = said !== "" || facts.length > 0 || get("message") === "";
		setText(blank, get("message"));
	};
	view.watch(["title", "sentence", "tone", "facts", "message"], perFrame(draw, signal));
	draw();
	view.ready();
}

export default { render };
