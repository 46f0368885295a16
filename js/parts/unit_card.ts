/** One card of the unit grid: number, label, IoU (or another share) against chance, and the strip of top images. */
import { categoryColour } from "../lib/colour";
import { known, lossOrGain, ratio } from "../lib/format";
import type { Row } from "../lib/rows";
import { type UnitWords, unitWords } from "../lib/unit_words";
import { assign, h, icon, ICONS, setText } from "./dom";
import type { StripStore } from "./sheets";
import { type Drawn, drawStrip, type Mode, stripFit } from "./strips";

/** What all cards of one drawing share. */
export interface CardContext {
	width: number;
	groups: readonly string[];
	mode: Mode;
	strips: StripStore;
	/** Images per strip, and their height over their width. */
	columns: number;
	aspect: number;
	/** Right end of the IoU bars. */
	furthest: number;
	selected: ReadonlySet<number>;
	focused: number | null;
	/** Why a missing strip is missing. */
	missing: string;
	words: UnitWords;
}

const PAD = 9; // padding and border of a card [px]
const TILE = 40; // least width of a tile [px]
const AROUND = 73; // above and below the strip [px]

export function cardHeight(width: number, { columns, aspect }: Omit<CardContext, "width">): number {
	return AROUND + stripFit(width - 2 * PAD, columns, TILE).size * aspect;
}

export class Card {
	readonly element: HTMLElement;
	unit = -1;
	/** How much of the strip that should be seen is drawn. */
	drawn: Drawn = "nothing";
	private readonly number = h("span", { class: "gw-card-unit" });
	private readonly swatch = h("span", { class: "gw-swatch" });
	private readonly label = h("span", { class: "gw-card-label" });
	private readonly value = h("span", { class: "gw-card-iou" });
	private readonly fill = h("i", { class: "gw-iou-fill" });
	private readonly whisker = h("i", { class: "gw-iou-whisker" });
	private readonly chance = h("i", { class: "gw-iou-chance" });
	private readonly canvas = h("canvas", { "aria-hidden": "true" });
	private readonly missing = h("span", { class: "gw-card-missing" });
	private readonly against = h("span", { class: "gw-card-against" });
	private readonly effect = h("span");
	private signature = "";

	constructor() {
		this.element = h(
			"div",
			{ class: "gw-card", role: "gridcell" },
			h("div", { class: "gw-card-head" }, this.number, this.swatch, this.label, this.value),
			h("div", { class: "gw-iou" }, this.fill, this.whisker, this.chance),
			h("div", { class: "gw-card-strip" }, this.canvas, this.missing),
			h("div", { class: "gw-card-foot" }, this.against, this.effect),
			spot("gw-card-open", "Open (Enter)", ICONS.expand),
			spot("gw-card-box", "Add to or remove from the selection (Space)", ICONS.check),
		);
	}

	/** Shows a row; draws the strip only when something about it changed or `repaint` is set. */
	show(row: Row, context: CardContext, repaint: boolean): void {
		this.unit = row.unit;
		const selected = context.selected.has(row.unit);
		const { words } = context;
		const said = describe(row, words);
		setText(this.number, String(row.unit));
		setText(this.label, row.labelled ? row.label : row.label ? `${words.best}: ${row.label}` : words.unlabelled);
		setText(this.against, against(row));
		const effect = lossOrGain(row.effect);
		setText(this.effect, effect && words.affected ? `${words.affected} ${effect}` : effect);
		setText(this.value, ratio(row.iou));
		assign(this.swatch, {
			class: row.labelled ? "gw-swatch" : "gw-swatch gw-hollow",
			style: row.labelled ? `--gw-swatch:${categoryColour(row.category, context.groups)}` : null,
		});
		this.bar(row, context.furthest);
		assign(this.element, {
			class: `gw-card${row.labelled ? "" : " gw-unlabelled"}${row.above === false ? " gw-chancy" : ""}`,
			"aria-selected": String(selected),
			"aria-label": said,
			title: said,
			tabindex: row.unit === context.focused ? 0 : -1,
			"data-unit": row.unit,
		});
		this.strip(row, context, repaint);
	}

	private bar(row: Row, furthest: number): void {
		const share = (value: number): number => Math.max(0, Math.min(100, (value / furthest) * 100));
		const percent = (value: number): string => `${share(value).toFixed(1)}%`;
		const { iou, low, high, chance } = row;
		assign(this.fill, { style: `width:${percent(iou ?? 0)}` });
		const interval = known(low) && known(high);
		this.whisker.hidden = !interval;
		if (interval) assign(this.whisker, { style: `left:${percent(low)};width:${(share(high) - share(low)).toFixed(1)}%` });
		this.chance.hidden = !known(chance);
		if (known(chance)) assign(this.chance, { style: `left:${percent(chance)}` });
	}

	private strip(row: Row, context: CardContext, repaint: boolean): void {
		const strip = context.strips.get(row.unit);
		const width = context.width - 2 * PAD;
		const fit = stripFit(width, context.columns, TILE);
		const height = fit.size * context.aspect;
		const signature = `${row.unit} ${context.mode} ${width} ${window.devicePixelRatio}`;
		if (!repaint && this.drawn === "all" && signature === this.signature) return;
		this.signature = signature;
		const size = { width, height, shown: fit.shown };
		this.drawn = row.status !== "dead" && strip ? drawStrip(this.canvas, strip, context.mode, size) : "nothing";
		assign(this.canvas, { style: `width:${width}px;height:${height}px` });
		const nothing = this.drawn === "nothing";
		this.canvas.hidden = nothing;
		this.missing.hidden = !nothing;
		if (nothing) assign(this.missing, { style: `height:${height}px` });
		if (nothing) setText(this.missing, row.status === "dead" ? "never active on these images" : strip ? "" : context.missing);
	}
}

/** A place of a card that a pointer can press; keys do the same, so it is hidden from screen readers. */
const spot = (name: string, title: string, path: string): HTMLElement =>
	h("span", { class: name, "aria-hidden": "true", title }, icon(path));

/** The chance level in words, and what is unusual about the unit. */
function against(row: Row): string {
	if (row.status === "dead") return "dead unit";
	const chance = known(row.chance) ? `${row.above === false ? "not above chance" : "chance"} ${ratio(row.chance)}` : "";
	return [row.status === "ok" ? "" : row.status, chance].filter(Boolean).join(" · ");
}

/** The card in words. */
export function describe(row: Row, words: UnitWords = unitWords()): string {
	const category = row.category && row.category !== row.label ? ` (${row.category})` : "";
	const other = row.label ? `, ${words.best} ${row.label}` : "";
	const label = row.labelled ? row.label + category : `${words.unlabelled}${other}`;
	const interval = known(row.low) && known(row.high) ? ` (${ratio(row.low)} to ${ratio(row.high)})` : "";
	const side = row.above === false ? "not above" : "above";
	const level = known(row.chance) ? ` level ${ratio(row.chance)}` : "";
	const against = known(row.chance) || row.above === false ? `, ${side} chance${level}` : "";
	const effect = known(row.effect) ? `, without it ${words.affected || row.label} ${lossOrGain(row.effect)}` : "";
	const status = row.status === "ok" ? "" : `, ${row.status}`;
	return `Unit ${row.unit}: ${label}, ${words.value} ${ratio(row.iou)}${interval}${against}${effect}${status}`;
}
