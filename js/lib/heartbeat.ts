/** Whether Python is still there: asks now and then, and says what it means when no answer comes. */

export type Pulse = "alive" | "silent" | "gone";

export interface HeartbeatOptions {
	/** Resolves when Python answered; rejects with `gone` true when there is nobody to ask. */
	ask: () => Promise<void>;
	isGone: (reason: unknown) => boolean;
	told: (pulse: Pulse) => void;
	/** Time between two questions [ms]. */
	every: number;
	/** Whether to ask at all now (a hidden page does not). */
	wanted?: () => boolean;
	signal: AbortSignal;
}

/** A busy kernel answers late: that is "silent", and it turns "alive" again with the next answer. */
export function heartbeat({ ask, isGone, told, every, wanted = () => true, signal }: HeartbeatOptions): void {
	let timer: ReturnType<typeof setTimeout> | undefined;
	let pulse: Pulse = "alive";
	const tell = (next: Pulse): void => {
		if (next === pulse || signal.aborted) return;
		pulse = next;
		told(next);
	};
	const beat = async (): Promise<void> => {
		if (wanted()) {
			try {
				await ask();
				tell("alive");
			} catch (reason) {
				tell(isGone(reason) ? "gone" : "silent");
			}
		}
		if (!signal.aborted) timer = setTimeout(() => void beat(), every);
	};
	signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
	timer = setTimeout(() => void beat(), every);
}
