import { describe, expect, it } from "vitest";
import layerPicker from "../views/layer_picker";
import { click, givePageASize, mount, press } from "./harness";

givePageASize();

describe("the layer picker", () => {
	const layers = [
		{ name: "layer1", units: 512, resolution: [4, 4], dissected: true, usable: true, why: "" },
		{ name: "layer2", units: 3, resolution: [8, 8], dissected: false, usable: false, why: "its output is the image" },
		{ name: "layer3", units: 1, resolution: [8, 16], dissected: false, usable: true, why: "" },
	];
	it("opens like a select and skips what cannot be used", async () => {
		const { model, one, all } = await mount(layerPicker, { layers, layer: "layer1" });
		const button = one("button");
		expect(button.textContent).toContain("layer14 × 4 · 512 units");
		click(button);
		expect(button.getAttribute("aria-expanded")).toBe("true");
		expect(all("[role=option]").map((option) => option.getAttribute("aria-label"))).toEqual([
			"layer1, 4 × 4, 512 units, dissected",
			"layer2, 8 × 8, 3 units, its output is the image",
			"layer3, 8 × 16, 1 unit, not dissected yet",
		]);
		press(button, "ArrowDown");
		press(button, "Enter");
		expect(model.get("layer")).toBe("layer3");
		expect(button.getAttribute("aria-expanded")).toBe("false");
		model.set("done", "measured");
		expect(all("[role=option]")[0]?.getAttribute("aria-label")).toBe("layer1, 4 × 4, 512 units, measured");
		click(button);
		click(all("[role=option]")[1] as Element);
		expect(model.get("layer")).toBe("layer3");
		press(button, "Escape");
		expect(button.getAttribute("aria-expanded")).toBe("false");
	});
});
