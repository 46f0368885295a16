/** What single keys do on a painter: the brush, the tool, how near the picture is. */
import { brushSizes, nearestSize } from "../lib/brush";
import type { Tool } from "./paint_pointers";

export interface PaintCommands {
	size(): number;
	largest(): number;
	softness(): number;
	tool(): Tool;
	tools(): readonly Tool[];
	set(values: { brush_size?: number; softness?: number; tool?: Tool }): void;
	/** By a factor, or null for the whole picture. */
	zoom(factor: number | null): void;
}

/** True when the key meant something. */
export function paintCommand(key: string, on: PaintCommands): boolean {
	const resize = (step: number): void => {
		const sizes = brushSizes(on.largest());
		const next = Math.max(0, Math.min(sizes.length - 1, nearestSize(sizes, on.size()) + step));
		on.set({ brush_size: sizes[next] as number });
	};
	const soften = (step: number): void => on.set({ softness: Math.max(0, Math.min(1, Math.round((on.softness() + step) * 10) / 10)) });
	/** The tool, or painting when it is chosen already. */
	const use = (tool: Tool): void => {
		const next = on.tool() === tool ? "paint" : tool;
		if (on.tools().includes(next)) on.set({ tool: next });
	};
	const commands: Record<string, () => void> = {
		"[": () => resize(-1),
		"]": () => resize(1),
		"{": () => soften(-0.1),
		"}": () => soften(0.1),
		"+": () => on.zoom(1.5),
		"=": () => on.zoom(1.5),
		"-": () => on.zoom(1 / 1.5),
		"0": () => on.zoom(null),
		p: () => use("paint"),
		e: () => use("erase"),
		m: () => use("pan"),
	};
	commands[key]?.();
	return key in commands;
}
