import { describe, expect, it } from "vitest";
import imageGrid from "../views/image_grid";
import { click, givePageASize, mount, press } from "./harness";

givePageASize();

describe("the image grid", () => {
	const image = new DataView(new ArrayBuffer(1));
	const sheet = (count: number, columns = 4) => ({ image, columns, tile: [64, 64], count });
	const traits = () => ({ sheets: { before: sheet(6), after: sheet(6) }, show: "after", captions: [], title: "", message: "", busy: false, selected: [], multiple: true });
	it("switches what it shows and has a cell per image", async () => {
		const { model, one, all, settle } = await mount(imageGrid, traits());
		expect(all("[role=radio]").map((button) => [button.textContent, button.getAttribute("aria-checked")])).toEqual([
			["Before", "false"],
			["After", "true"],
		]);
		expect(all("[role=gridcell]")).toHaveLength(6);
		click(one("[data-value=before]"));
		expect(model.get("show")).toBe("before");
		await settle();
		press(one("[data-value=before]"), "ArrowRight");
		await settle();
		expect(model.get("show")).toBe("after");
		expect(all("[role=gridcell]")[5]?.getAttribute("aria-label")).toBe("Image 6 of 6, after");
	});
	it("shows the scale of colours that mean something", async () => {
		const difference = { ...sheet(6), scale: ["no change", "255"] };
		const { model, one, settle } = await mount(imageGrid, { ...traits(), sheets: { after: sheet(6), difference } });
		expect(one(".gw-image-scale").hidden).toBe(true);
		model.set("show", "difference");
		await settle();
		expect(one(".gw-image-scale").hidden).toBe(false);
		expect(one(".gw-image-scale").textContent).toBe("no change255");
		expect(one(".gw-image-scale i").getAttribute("style")).toContain("linear-gradient");
	});
	it("says what the colours of a segmentation mean", async () => {
		const segmentation = { ...sheet(6), legend: [{ name: "tree", color: "#226e2c" }, { name: "<b>", color: "#0000ff" }] };
		const { model, one, all, settle } = await mount(imageGrid, { ...traits(), sheets: { after: sheet(6), segmentation } });
		expect(one(".gw-image-legend").hidden).toBe(true);
		model.set("show", "segmentation");
		await settle();
		expect(all(".gw-image-legend [role=listitem]").map((item) => item.textContent)).toEqual(["tree", "<b>"]);
		expect(one(".gw-image-legend .gw-swatch").getAttribute("style")).toBe("--gw-swatch:#226e2c");
	});
	it("moves and chooses with the keys", async () => {
		const { model, one } = await mount(imageGrid, traits());
		press(one('[role=gridcell][tabindex="0"]'), "ArrowDown");
		expect(one('[role=gridcell][tabindex="0"]').dataset.index).toBe("4");
		press(one('[role=gridcell][tabindex="0"]'), " ");
		click(one("[data-index='1']"));
		expect(model.get("selected")).toEqual([1, 4]);
		click(one("[data-index='1']"));
		expect(model.get("selected")).toEqual([4]);
	});
	it("chooses one in place of another where only one can be chosen", async () => {
		const { model, one } = await mount(imageGrid, { ...traits(), multiple: false, selected: [0] });
		expect(one("[role=grid]").getAttribute("aria-multiselectable")).toBe("false");
		click(one("[data-index='3']"));
		expect(model.get("selected")).toEqual([3]);
		click(one("[data-index='3']"));
		press(one('[role=gridcell][tabindex="0"]'), "Escape");
		expect(model.get("selected")).toEqual([3]);
	});
	it("falls back to the first sheet, says when it is busy, and what to do when it is empty", async () => {
		const { model, one, settle } = await mount(imageGrid, { ...traits(), show: "nothing" });
		expect(one("[aria-checked=true]").textContent).toBe("Before");
		model.set("busy", true);
		await settle();
		expect(one("[role=status]").textContent).toBe("Updating");
		model.set("sheets", {});
		model.set("message", "Select units.");
		await settle();
		expect(one(".gw-blank").textContent).toBe("Select units.");
		expect(one(".gw-image-stage").hidden).toBe(true);
	});
});
