import { describe, expect, it } from "vitest";
import facts from "../views/facts";
import { mount } from "./harness";

const traits = () => ({ title: "How near", sentence: "It is near.", tone: "good", facts: [{ label: "PSNR", value: "30 dB", note: "of 255" }, { label: "n", value: "<b>4</b>" }], message: "Nothing yet." });

describe("facts", () => {
	it("say the sentence first, and each number with what it means", async () => {
		const { one, all } = await mount(facts, traits());
		expect(one("[role=status]").textContent).toBe("It is near.");
		expect(one("[role=status]").dataset.tone).toBe("good");
		expect(all("dt").map((term) => term.textContent)).toEqual(["PSNR", "n"]);
		expect(all("strong").map((value) => value.textContent)).toEqual(["30 dB", "<b>4</b>"]);
		expect(all(".gw-fact-note").map((note) => note.textContent)).toEqual(["of 255"]);
		expect(one(".gw-facts-blank").hidden).toBe(true);
	});
	it("say what is missing", async () => {
		const { model, one, settle } = await mount(facts, { ...traits(), sentence: "", facts: [], tone: "" });
		expect(one(".gw-facts-blank").textContent).toBe("Nothing yet.");
		expect(one("[role=status]").hidden).toBe(true);
		model.set("sentence", "Careful.");
		model.set("tone", "warning");
		await settle();
		expect(one("[role=status]").dataset.tone).toBe("warning");
	});
});
