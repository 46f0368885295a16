/** Sprite sheets in the browser: decoded when first drawn, kept within a budget, the old one shown until the new is there. */

export interface SheetData {
	units?: number[];
	columns: number;
	tile: number[];
	count?: number;
	/** Pictures of each unit, where a row may hold fewer than `columns`. */
	counts?: number[];
	/** Words for the ends of the scale whose colours the pictures have. */
	scale?: string[];
	/** What the colours of the pictures mean. */
	legend?: { name: string; color: string }[];
	image: DataView;
	mask?: DataView | null;
	seg?: DataView | null;
}

export type Layer = "image" | "mask" | "seg";

/** Decoded pixels beyond this are let go, least recently drawn first (4 bytes each: 160 MB). */
const BUDGET = 40e6;

export async function decode(bytes: DataView, type: string): Promise<ImageBitmap> {
	const view = new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
	return createImageBitmap(new Blob([view], { type }));
}

/** One sheet with its decoded layers. */
export class Sheet {
	private readonly bitmaps = new Map<Layer, ImageBitmap | "decoding" | "failed">();

	constructor(
		readonly data: SheetData,
		private readonly cache: SheetCache,
	) {}

	/** The decoded layer, or null while it is on its way (the cache's `ready` is called then) or missing. */
	get(layer: Layer): ImageBitmap | null {
		const bytes = this.data[layer];
		if (!bytes) return null;
		const found = this.bitmaps.get(layer);
		if (found === undefined) void this.load(layer, bytes);
		if (found === undefined || found === "decoding" || found === "failed") return null;
		this.cache.touch(this);
		return found;
	}

	/** Whether the layer exists and is not decoded yet. */
	pending(layer: Layer): boolean {
		return Boolean(this.data[layer]) && this.get(layer) === null && this.bitmaps.get(layer) !== "failed";
	}

	private async load(layer: Layer, bytes: DataView): Promise<void> {
		this.bitmaps.set(layer, "decoding");
		try {
			const bitmap = await decode(bytes, layer === "image" ? "image/jpeg" : "image/png");
			if (this.cache.closed || this.bitmaps.get(layer) !== "decoding") return bitmap.close();
			this.bitmaps.set(layer, bitmap);
			this.cache.touch(this);
			this.cache.ready();
		} catch {
			this.bitmaps.set(layer, "failed");
		}
	}

	get pixels(): number {
		let sum = 0;
		for (const bitmap of this.bitmaps.values()) if (typeof bitmap === "object") sum += bitmap.width * bitmap.height;
		return sum;
	}

	close(): void {
		for (const bitmap of this.bitmaps.values()) if (typeof bitmap === "object") bitmap.close();
		this.bitmaps.clear();
	}
}

export class SheetCache {
	closed = false;
	private readonly recent = new Set<Sheet>();

	constructor(
		readonly ready: () => void,
		signal: AbortSignal,
		private readonly budget = BUDGET,
	) {
		signal.addEventListener(
			"abort",
			() => {
				this.closed = true;
				for (const sheet of this.recent) sheet.close();
				this.recent.clear();
			},
			{ once: true },
		);
	}

	open(data: SheetData): Sheet {
		return new Sheet(data, this);
	}

	/** Marks a sheet as drawn just now and lets go of the oldest ones beyond the budget. */
	touch(sheet: Sheet): void {
		this.recent.delete(sheet);
		this.recent.add(sheet);
		let pixels = 0;
		for (const one of [...this.recent].reverse()) {
			pixels += one.pixels;
			if (pixels > this.budget && one !== sheet) this.drop(one);
		}
	}

	drop(sheet: Sheet): void {
		sheet.close();
		this.recent.delete(sheet);
	}
}

/** Where a unit's strip is: a sheet and the row in it. */
export interface Strip {
	sheet: Sheet;
	row: number;
}

/** The strips of a unit grid by unit number. A replaced strip serves until its successor is decoded. */
export class StripStore {
	private strips = new Map<number, Strip>();
	private before = new Map<number, Strip>();

	constructor(private readonly cache: SheetCache) {}

	replace(sheets: readonly SheetData[]): void {
		for (const strip of this.before.values()) this.cache.drop(strip.sheet);
		this.before = this.strips;
		this.strips = new Map();
		this.append(sheets);
	}

	append(sheets: readonly SheetData[]): void {
		for (const data of sheets) {
			const sheet = this.cache.open(data);
			(data.units ?? []).forEach((unit, row) => this.strips.set(unit, { sheet, row }));
		}
	}

	has(unit: number): boolean {
		return this.strips.has(unit);
	}

	/** The strip to draw now: the newest, or the one it replaces while it is being decoded; null when there is none. */
	get(unit: number): Strip | null {
		const strip = this.strips.get(unit);
		if (!strip || strip.sheet.get("image")) return strip ?? null;
		const old = this.before.get(unit);
		return old?.sheet.get("image") ? old : strip;
	}
}
