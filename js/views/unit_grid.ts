/** A card per unit: sorted, filtered, selected and opened in the browser. */
import type { RenderProps } from "@anywidget/types";
import { categories, type Columns, filterRows, type Row, type Sort, sortRows, toRows } from "../lib/rows";
import { groupOrder } from "../lib/colour";
import { all, ascending, EMPTY, rectangle, type Selection, toggle } from "../lib/selection";
import { type UnitWords, unitWords } from "../lib/unit_words";
import { h, listen, onPixelRatio, onResize, perFrame, setText } from "../parts/dom";
import { SheetCache, type SheetData, StripStore } from "../parts/sheets";
import type { Mode } from "../parts/strips";
import { type Detail, unitDetail } from "../parts/unit_detail";
import { unitGestures } from "../parts/unit_gestures";
import { unitToolbar } from "../parts/unit_toolbar";
import { unitViewport } from "../parts/unit_viewport";
import { component, type ComponentTraits } from "./component";

export interface UnitGridTraits extends ComponentTraits {
	rows: Columns;
	sheets: SheetData[];
	wanted: number[];
	selected: number[];
	concepts: string[];
	query: string;
	category: string;
	groups: string[];
	sort: Sort;
	mode: Mode;
	detail: Detail | null;
	kept: Kept | Record<string, never>;
	legend: { name: string; color: string }[];
	message: string;
	words: Partial<UnitWords>;
}

/** What a page without Python tells of opened units. */
interface Kept {
	facts: Record<string, [string, unknown][]>;
	counter: SheetData[];
}

const EMPTY_GRID = "No units yet.\nRun a dissection to see what they stand for.";
const FILTERED = "No unit passes the filter.\nClear the search or the concepts to see all units.";
const MODES: readonly Mode[] = ["mask", "segmentation", "plain"];

function render(props: RenderProps<UnitGridTraits>): void {
	const view = component(props, "unit-grid");
	const { signal } = view;
	const cache = new SheetCache(() => pictures(), signal);
	const strips = new StripStore(cache);
	const counters = new StripStore(cache);

	let rows: Row[] = [];
	let shown: Row[] = [];
	let selection: Selection = EMPTY;
	let beforeDrag: Selection = EMPTY;
	let focused: number | null = null; // the unit that Tab reaches
	let opened: number | null = null;
	let openedFrom: number | null = null;
	let refused = "";

	const order = (): number[] => shown.map((row) => row.unit);
	const commit = (next: Selection): void => {
		selection = next;
		view.set({ selected: ascending(next) });
		draw();
	};
	const toolbar = unitToolbar(
		{
			set: (values) => {
				view.set(values);
				refresh();
			},
			selectAll: () => commit(all(selection, order())),
			clear: () => commit({ units: new Set(), anchor: null }),
			toCards: () => viewport.focus(Math.max(0, indexOf(focused))),
		},
		signal,
	);
	const viewport = unitViewport(
		{
			drag: (inside, keep, done) => {
				const units = inside.map((index) => (shown[index] as Row).unit);
				selection = rectangle(beforeDrag, units, keep);
				if (done) commit(selection);
				else draw();
			},
			seen: (units) => want(units),
		},
		signal,
	);
	const detail = unitDetail(
		{
			close: () => close(),
			step: (by) => {
				const next = shown[Math.max(0, Math.min(shown.length - 1, indexOf(opened) + by))];
				if (next && next.unit !== opened) open(next.unit);
			},
			toggle: () => opened !== null && commit(toggle(selection, opened)),
			cycleMode: () => cycle(),
		},
		cache,
		signal,
	);
	const blank = h("div", { class: "gw-blank" });
	view.body.append(toolbar.head, viewport.element, blank, toolbar.foot, detail.element);

	const indexOf = (unit: number | null): number => shown.findIndex((row) => row.unit === unit);
	const modes = (): Mode[] => {
		const sheets = view.get("sheets");
		const has = (layer: "mask" | "seg"): boolean => sheets.length === 0 || sheets.some((sheet) => sheet[layer]);
		return MODES.filter((mode) => mode === "plain" || has(mode === "mask" ? "mask" : "seg"));
	};
	const cycle = (): void => {
		const available = modes();
		view.set({ mode: available[(available.indexOf(view.get("mode")) + 1) % available.length] as Mode });
		refresh();
	};

	// Drawing. `refresh` takes the traits in, `draw` shows what is known.
	const draw = (repaint = false): void => {
		const categoryNames = categories(rows);
		const chosen = [...selection.units];
		const inView = new Set(order());
		toolbar.update({
			query: view.get("query"),
			category: view.get("category"),
			categories: groupOrder(view.get("groups"), categoryNames).filter((name) => categoryNames.includes(name)),
			unlabelled: rows.some((row) => !row.labelled),
			concepts: view.get("concepts"),
			sort: view.get("sort"),
			effects: rows.some((row) => row.effect !== null),
			mode: view.get("mode"),
			modes: modes(),
			shown: shown.length,
			total: rows.length,
			selected: chosen.length,
			hidden: chosen.filter((unit) => !inView.has(unit)).length,
			legend: view.get("legend"),
			words: unitWords(view.get("words")),
		});
		blank.hidden = shown.length > 0;
		viewport.element.hidden = shown.length === 0;
		setText(blank, rows.length > 0 ? FILTERED : view.get("message") || EMPTY_GRID);
		const first = view.get("sheets")[0];
		viewport.draw(
			shown,
			{
				groups: groupOrder(view.get("groups"), categoryNames),
				mode: view.get("mode"),
				strips,
				columns: first?.columns ?? 5,
				aspect: first ? (first.tile[1] as number) / (first.tile[0] as number) : 1,
				furthest: Math.max(0.05, ...rows.map((row) => Math.max(row.iou ?? 0, row.high ?? 0, row.chance ?? 0))),
				selected: selection.units,
				focused,
				missing: view.live ? "" : "no pictures saved",
				words: unitWords(view.get("words")),
			},
			repaint,
		);
		reserve();
		drawDetail();
	};
	const refresh = (repaint = false): void => {
		const kept = view.get("selected");
		if (ascending(selection).join() !== kept.join()) selection = { units: new Set(kept), anchor: selection.anchor };
		const filter = { query: view.get("query"), category: view.get("category"), concepts: view.get("concepts") };
		shown = sortRows(filterRows(rows, filter), view.get("sort"));
		if (indexOf(focused) < 0) focused = shown[0]?.unit ?? null;
		draw(repaint);
	};
	/** The height that all units would take, so that a filter does not move what stands below. */
	const reserve = (): void => {
		const { card, gap, pad, columns } = viewport.layout();
		const lines = Math.ceil(rows.length / columns);
		const full = rows.length === 0 ? 0 : 2 * pad + lines * (card.height + gap) - gap;
		viewport.element.style.setProperty("--gw-full", `${full}px`);
		blank.style.setProperty("--gw-full", `${full}px`);
	};
	const pictures = perFrame(() => {
		viewport.fillIn();
		detail.redraw();
	}, signal);
	const want = (units: readonly number[]): void => {
		const missing = units.filter((unit) => !strips.has(unit));
		if (!view.live || missing.join() === view.get("wanted").join()) return;
		view.set({ wanted: missing });
	};

	// One unit, opened
	const drawDetail = (): void => {
		const row = rows.find((one) => one.unit === opened);
		if (opened === null || !row) return detail.hide();
		const filled = view.get("detail");
		const mine = filled?.unit === opened ? filled : null;
		const facts = view.get("kept").facts?.[opened] ?? null;
		const none = mine || (facts && !view.live) ? "None were kept." : "";
		const asked = refused || none || (view.live ? "Looking for them…" : `Looking for them ${view.needs}.`);
		detail.show({
			row,
			detail: mine,
			strip: strips.get(opened),
			mode: view.get("mode"),
			selected: selection.units.has(opened),
			kept: view.live ? { facts: null, counter: null } : { facts, counter: counters.get(opened) },
			waiting: asked,
			words: unitWords(view.get("words")),
		});
	};
	let asked: number | null = null; // its detail is on the way
	let unwanted: number | null = null; // closed before it came
	const open = (unit: number): void => {
		if (opened === null) openedFrom = focused;
		opened = unit;
		unwanted = null;
		refused = "";
		view.root.classList.add("gw-has-detail");
		drawDetail();
		if (!view.live || view.get("detail")?.unit === unit) return;
		asked = unit;
		view.request("detail", { unit }).catch((reason: Error) => {
			refused = reason.message;
			if (opened === unit && !signal.aborted) drawDetail();
		});
	};
	const close = (): void => {
		if (opened === null) return;
		focused = indexOf(opened) >= 0 ? opened : openedFrom;
		unwanted = asked === opened ? opened : null;
		opened = null;
		view.root.classList.remove("gw-has-detail");
		detail.hide();
		if (view.get("detail")) view.set({ detail: null });
		draw();
		viewport.focus(Math.max(0, indexOf(focused)));
	};

	// Gestures
	listen(viewport.element, "pointerdown", () => {
		beforeDrag = selection;
	}, signal);
	unitGestures(
		{
			element: viewport.element,
			order,
			columns: () => viewport.layout().columns,
			pageRows: viewport.pageRows,
			selection: () => selection,
			commit,
			focused: () => focused,
			open,
			take: (unit) => {
				focused = unit;
				draw();
			},
			moveTo: (unit) => {
				focused = unit;
				viewport.reveal(indexOf(unit));
				draw();
				viewport.focus(indexOf(unit));
			},
		},
		signal,
	);
	listen(view.root, "keydown", (event) => {
		const typing = (event.target as Element).matches("input, select, textarea");
		if (typing || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || detail.open) return;
		if (event.key === "m") cycle();
		else if (event.key === "/") toolbar.search.focus();
		else return;
		event.preventDefault();
	}, signal);

	// Traits
	const later = perFrame(() => refresh(), signal);
	const takeRows = (): void => {
		rows = toRows(view.get("rows"));
	};
	view.watch(["rows"], () => {
		takeRows();
		later();
	});
	view.watch(["sheets"], () => {
		strips.replace(view.get("sheets"));
		repaint();
	});
	view.onMessage((content, buffers) => {
		if (content.kind !== "sheets") return;
		strips.append(received(content.sheets as SentSheet[], buffers));
		repaint();
	});
	const repaint = perFrame(() => refresh(true), signal);
	view.watch(["selected", "concepts", "query", "category", "groups", "sort", "mode", "legend", "message", "words"], later);
	view.watch(["detail"], () => {
		const filled = view.get("detail");
		if (filled && filled.unit === asked) asked = null;
		if (filled && opened === null && filled.unit === unwanted) view.set({ detail: null });
		else if (filled && opened === null) open(filled.unit);
		else if (!filled && opened !== null && detail.open) close();
		else drawDetail();
	});
	onResize(viewport.element, () => later(), signal);
	onResize(view.root, () => later(), signal);
	onPixelRatio(repaint, signal);

	view.onLive(later);

	takeRows();
	strips.replace(view.get("sheets"));
	counters.replace(view.get("kept").counter ?? []);
	refresh();
	view.ready();
}

/** A sheet in a message: its bytes travel beside it, by position. */
type SentSheet = Omit<SheetData, "image" | "mask" | "seg"> & { image: number; mask?: number; seg?: number };

function received(sheets: readonly SentSheet[], buffers: readonly DataView[]): SheetData[] {
	const bytes = (at: number | undefined): DataView | null => (at === undefined ? null : (buffers[at] ?? null));
	return sheets.map((sheet) => ({
		...sheet,
		image: buffers[sheet.image] as DataView,
		mask: bytes(sheet.mask),
		seg: bytes(sheet.seg),
	}));
}

export default { render };
