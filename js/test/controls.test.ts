import { describe, expect, it } from "vitest";
import controls from "../views/controls";
import { click, givePageASize, mount } from "./harness";

givePageASize();

describe("controls", () => {
	const fields = [
		{ name: "strength", kind: "slider", label: "Strength", min: 0, max: 1, step: 0.1 },
		{ name: "seed", kind: "int", label: "Seed", min: 0, max: 99 },
		{ name: "rule", kind: "choice", options: ["a", { value: null, label: "off" }] },
		{ name: "on", kind: "toggle", label: "On" },
		{ name: "note", kind: "text", label: "Note" },
		{ name: "go", kind: "button", label: "Go" },
	];
	const traits = () => ({ fields, values: { strength: 0.5, seed: 7, rule: "a", on: true, note: "x" }, disabled: {} });
	const change = (input: HTMLElement, value: string, type = "change"): void => {
		(input as HTMLInputElement).value = value;
		input.dispatchEvent(new Event(type, { bubbles: true }));
	};
	it("show values and send what is chosen", async () => {
		const { model, one } = await mount(controls, traits());
		expect((one("[type=number]") as HTMLInputElement).value).toBe("7");
		change(one("[type=number]"), "98");
		expect(model.get("values")).toMatchObject({ seed: 98, strength: 0.5 });
		change(one("[type=number]"), "");
		expect((one("[type=number]") as HTMLInputElement).value).toBe("98");
		change(one("select"), "1");
		expect(model.get("values")).toMatchObject({ rule: null });
		(one("[role=switch]") as HTMLInputElement).checked = false;
		one("[role=switch]").dispatchEvent(new Event("change"));
		expect(model.get("values")).toMatchObject({ on: false });
		click(one("button.gw-button"));
		expect(model.sent).toMatchObject([{ action: "press", name: "go" }]);
	});
	it("keep the standing number and say why another is none", async () => {
		const { model, one } = await mount(controls, traits());
		const [input, said] = [one("[type=number]") as HTMLInputElement, one(".gw-refused")];
		for (const typed of ["120", "-1", "1.5"]) {
			change(input, typed);
			expect(input.value).toBe("7");
			expect(said.textContent).toBe(`Seed must be a whole number from 0 to 99; ${typed} is not.`);
			expect(said.hidden).toBe(false);
		}
		expect(model.get("values")).toMatchObject({ seed: 7 });
		change(input, "8", "input");
		expect(said.hidden).toBe(true);
		change(input, "8");
		expect(model.get("values")).toMatchObject({ seed: 8 });
		const open = await mount(controls, { ...traits(), fields: [{ name: "seed", kind: "int", label: "Images", min: 1 }] });
		change(open.one("[type=number]"), "0");
		expect(open.one(".gw-refused").textContent).toBe("Images must be a whole number of at least 1; 0 is not.");
	});
	it("stream a slider: the newest wins, and no echo moves it under the hand", async () => {
		const { model, one, settle } = await mount(controls, traits());
		const slider = one("[type=range]") as HTMLInputElement;
		for (const value of ["0.6", "0.7", "0.8"]) change(slider, value, "input");
		await settle();
		expect(model.saved).toHaveBeenCalledTimes(1);
		expect(model.get("values")).toMatchObject({ strength: 0.8 });
		model.set("values", { ...(model.get("values") as object), strength: 0.6 }); // late news from Python
		expect(slider.value).toBe("0.8");
		change(slider, "0.9", "change");
		expect(model.get("values")).toMatchObject({ strength: 0.9 });
		model.set("values", { ...(model.get("values") as object), strength: 0.2 });
		expect(slider.value).toBe("0.2");
	});
	it("say why a field is off", async () => {
		const { model, one, all } = await mount(controls, traits());
		model.set("disabled", { seed: "there is only one image" });
		expect((one("[type=number]") as HTMLInputElement).disabled).toBe(true);
		expect(all(".gw-control-hint").map((hint) => hint.textContent)).toContain("there is only one image");
	});
	it("says what the chosen option means", async () => {
		const options = [{ value: "a", label: "A", hint: "the first" }, { value: "b", label: "B" }];
		const { model, one, settle } = await mount(controls, { fields: [{ name: "c", kind: "choice", options }], values: { c: "a" }, disabled: {} });
		const said = one("[role=status]");
		expect(said.textContent).toBe("the first");
		expect(one("select").getAttribute("aria-describedby")).toBe(said.id);
		model.set("values", { c: "b" });
		await settle();
		expect(said.hidden).toBe(true);
	});
});
