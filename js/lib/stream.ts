/** A stream of values to Python: the newest wins, at most one a frame, and our own echo is not taken for news. */

export interface Stream<V> {
	/** A value while a gesture goes on: sent with the next frame, unless a newer one comes first. */
	push(value: V): void;
	/** The last value of a gesture: sent at once. */
	end(value: V): void;
	/** Whether a value from outside may be shown now: not while a gesture goes on. */
	readonly idle: boolean;
}

export function stream<V>(send: (value: V) => void, frame: (work: () => void) => () => void): Stream<V> {
	let newest: { value: V } | null = null;
	let moving = false;
	const flush = (): void => {
		if (!newest) return;
		const { value } = newest;
		newest = null;
		send(value);
	};
	const schedule = frame(flush);
	return {
		push(value) {
			moving = true;
			newest = { value };
			schedule();
		},
		end(value) {
			moving = false;
			newest = { value };
			flush();
		},
		get idle() {
			return !moving;
		},
	};
}
