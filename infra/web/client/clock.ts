/** Timer is a call that has not been made yet. */
export interface Timer {
  stop(): void;
}

/**
 * Clock is the time as the client sees it, in milliseconds. Everything that
 * waits is handed one, so that tests decide when time passes.
 */
export interface Clock {
  now(): number;
  after(ms: number, call: () => void): Timer;
}

// Beyond it setTimeout calls at once instead of never.
const LONGEST = 2 ** 31 - 1;

/** wall is the clock of the machine. */
export const wall: Clock = {
  now: () => Date.now(),
  after(ms, call) {
    const id = setTimeout(call, Math.min(Math.max(ms, 0), LONGEST));
    return { stop: () => clearTimeout(id) };
  },
};
