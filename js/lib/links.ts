/** Wires between traits of two models: what changes at one end is copied to the other. */
import type { AnyModel } from "@anywidget/types";

export interface Link {
	source: number;
	source_trait: string;
	target: number;
	target_trait: string;
}

const same = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);

/** Copies along `links` until `signal` aborts; a value that is there already is not written again, so circles end. */
export function follow(links: readonly Link[], models: readonly (AnyModel | null)[], signal: AbortSignal): void {
	for (const { source, source_trait, target, target_trait } of links) {
		const [from, to] = [models[source], models[target]];
		if (!from || !to) continue;
		const copy = (): void => {
			const value = from.get(source_trait);
			if (same(value, to.get(target_trait))) return;
			to.set(target_trait, value);
			to.save_changes();
		};
		from.on(`change:${source_trait}`, copy);
		signal.addEventListener("abort", () => from.off(`change:${source_trait}`, copy), { once: true });
	}
}
