import { describe, expect, it } from "vitest";
import runBar from "../views/run_bar";
import { click, givePageASize, mount } from "./harness";

givePageASize();

const visible = (buttons: HTMLElement[]): (string | null)[] => buttons.filter((button) => !button.hidden).map((button) => button.textContent);

describe("the run bar", () => {
	const traits = { status: "idle", progress: 0, remaining: -1, n_done: 0, n_total: 0, noun: "image", resumable: true, note: "", disabled: "", label: "" };
	it("offers what can be done in each state", async () => {
		const { model, all, settle } = await mount(runBar, traits);
		const buttons = (): (string | null)[] => visible(all(".gw-run-buttons button"));
		expect(buttons()).toEqual(["Run"]);
		for (const [status, n, expected] of [
			["running", 10, ["Cancel"]],
			["cancelled", 10, ["Resume", "Run again"]],
			["cancelled", 0, ["Run again"]],
			["failed", 10, ["Resume", "Run again"]],
			["done", 100, ["Run again"]],
		] as const) {
			model.set("status", status);
			model.set("n_done", n);
			model.set("n_total", 100);
			await settle();
			expect(buttons()).toEqual(expected);
		}
	});
	it("begins with a word of its own, again and again", async () => {
		const { model, all, settle } = await mount(runBar, { ...traits, label: "Apply" });
		expect(visible(all(".gw-run-buttons button"))).toEqual(["Apply"]);
		model.set("status", "done");
		await settle();
		expect(visible(all(".gw-run-buttons button"))).toEqual(["Apply"]);
	});
	it("offers no Resume where nothing can go on", async () => {
		const { all } = await mount(runBar, { ...traits, status: "cancelled", n_done: 10, n_total: 100, resumable: false });
		expect(visible(all(".gw-run-buttons button"))).toEqual(["Run again"]);
	});
	it("cannot run for a reason, but cancels", async () => {
		const { model, one, settle } = await mount(runBar, { ...traits, disabled: "a segmenter is needed" });
		expect((one("button") as HTMLButtonElement).disabled).toBe(true);
		expect(one("button").title).toBe("a segmenter is needed");
		model.set("status", "running");
		await settle();
		expect((one("button") as HTMLButtonElement).disabled).toBe(false);
		model.set("status", "done");
		model.set("disabled", "");
		await settle();
		expect((one("button") as HTMLButtonElement).disabled).toBe(false);
	});
	it("says how far it is and how long it takes, as a status", async () => {
		const { one } = await mount(runBar, { ...traits, status: "running", progress: 0.64, remaining: 12.4, n_done: 640, n_total: 1000 });
		expect(one("[role=status]").textContent).toBe("640 of 1,000 images · about 12 s left");
		expect(one("[role=progressbar]").getAttribute("aria-valuenow")).toBe("64");
	});
	it("counts what it is told to count", async () => {
		const { one } = await mount(runBar, { ...traits, status: "cancelled", n_done: 63, n_total: 150, noun: "step", note: "30.2 dB" });
		expect(one("[role=status]").textContent).toBe("63 of 150 steps · stopped · 30.2 dB");
	});
	it("speaks of images only where they are counted", async () => {
		const { one } = await mount(runBar, { ...traits, status: "running", progress: 0.1, remaining: 8, note: "refining the edit" });
		expect(one("[role=status]").textContent).toBe("about 8 s left · refining the edit");
	});
	it("asks Python, and shows its reason when it refuses", async () => {
		const { model, one, settle } = await mount(runBar, traits);
		click(one("button"));
		expect(model.sent.at(-1)).toMatchObject({ action: "run" });
		expect((one("button") as HTMLButtonElement).disabled).toBe(true);
		model.set("error", "No layer is chosen.");
		model.answer("No layer is chosen.");
		await settle();
		expect((one("button") as HTMLButtonElement).disabled).toBe(false);
		expect(one("[role=alert]").textContent).toBe("No layer is chosen.");
		expect(one("[role=alert]").hidden).toBe(false);
	});
	it("is switched off on a saved page, with the reason", async () => {
		const { one } = await mount(runBar, { ...traits, live: false });
		expect((one("button") as HTMLButtonElement).disabled).toBe(true);
		expect(one("button").title).toContain("needs Python");
	});
});
