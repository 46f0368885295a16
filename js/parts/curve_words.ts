/** What a curve chart says at one place of its x axis: as a read-out and as a sentence; and its legend. */
import { type Entry, entriesOf, type Point, type Reading, readings } from "../lib/curves";
import { count, known, type Maybe } from "../lib/format";
import { readable } from "../lib/scale";
import type { CurveTraits } from "../views/curve";
import { type CurvePlot, styleOf } from "./curve_plot";
import { h } from "./dom";
import { bandSample, lineSample } from "./legend";

const READ = 8; // lines in one read-out, at most

type Named = Pick<CurveTraits, "band" | "x_label" | "y_percent">;

export function heading(x: number, { x_label }: Pick<Named, "x_label">): string {
	return x_label ? `${readable(x)} ${x_label}` : `x = ${readable(x)}`;
}

/** The lines at `x` from the highest to the lowest, then the band. */
export function readOutAt(x: number, plot: CurvePlot, named: Named, dark: boolean): HTMLElement[] {
	const found = readings(plot.shown, x);
	const list = h("dl");
	const add = (sample: Node, name: string, value: string, interval: string): void => {
		const more = interval ? h("small", {}, interval) : null;
		list.append(h("dt", {}, sample, h("span", {}, name)), h("dd", {}, value, more));
	};
	for (const { entry, name, point } of found.slice(0, READ)) {
		const sample = lineSample(entry.colour, entry.position, styleOf(entry, plot), dark);
		add(sample, name, readable(point.y, named.y_percent), interval(point, named));
	}
	if (found.length > READ) list.append(h("dt", { class: "gw-faint" }, `and ${count(found.length - READ)} more`), h("dd"));
	const band = bandAt(x, plot);
	if (band) add(bandSample(known(band.y)), bandName(named), known(band.y) ? readable(band.y, named.y_percent) : "", interval(band, named));
	return [h("strong", {}, heading(x, named)), list];
}

/** The same as one sentence. */
export function sentenceAt(x: number, plot: CurvePlot, named: Named): string {
	const say = ({ name, point }: Pick<Reading, "name" | "point">): string => {
		const range = interval(point, named);
		const value = known(point.y) ? readable(point.y, named.y_percent) : "";
		return [name, value, range && value ? `(${range})` : range].filter(Boolean).join(" ");
	};
	const band = bandAt(x, plot);
	const lines = readings(plot.shown, x).slice(0, READ).map(say);
	return [heading(x, named), ...lines, ...(band ? [say({ name: bandName(named), point: band })] : [])].join("; ");
}

/** A button per line or group, pressed while it is shown, and what the band is. */
export function legendItems(data: Pick<CurveTraits, "lines" | "band" | "hidden">, shapes: boolean, dark: boolean): HTMLElement[] {
	const { band, hidden } = data;
	const button = (entry: Entry): HTMLElement =>
		h(
			"button",
			{ type: "button", "data-name": entry.name, "aria-pressed": String(!hidden.includes(entry.name)), title: entry.name },
			lineSample(entry.colour, entry.position, styleOf(entry, { shapes }), dark),
			h("span", {}, entry.name),
			entry.lines.length > 1 ? h("span", { class: "gw-faint" }, `× ${count(entry.lines.length)}`) : null,
		);
	const key = band.x?.length ? h("span", {}, bandSample((band.middle?.length ?? 0) > 0), bandName(data)) : null;
	return [...entriesOf(data.lines).map(button), ...(key ? [key] : [])];
}

const bandName = ({ band }: Pick<Named, "band">): string => band.label || "band";

const bandAt = (x: number, { band }: CurvePlot): Point | undefined =>
	band.find((point) => point.x === x && known(point.low) && known(point.high));

function interval({ low, high }: { low: Maybe; high: Maybe }, { y_percent }: Pick<Named, "y_percent">): string {
	return known(low) && known(high) ? `${readable(low, y_percent)} to ${readable(high, y_percent)}` : "";
}
