/** Random gives numbers from 0 to below 1. */
export type Random = () => number;

/**
 * Backoff says how long to stay away: anything between nothing and twice as
 * much as the time before, so that those who lost a node together do not come
 * back together.
 */
export class Backoff {
  #tries = 0;

  /** All times are milliseconds. */
  constructor(
    private readonly random: Random,
    private readonly first: number,
    private readonly most: number,
  ) {}

  /** next is evenly spread over 0 … min(most, first · 2^tries). */
  next(): number {
    const ceiling = Math.min(this.most, this.first * 2 ** this.#tries);
    if (ceiling < this.most) this.#tries++;
    return this.random() * ceiling;
  }

  reset(): void {
    this.#tries = 0;
  }
}

/**
 * pause is for one thing that failed `tries` times and keeps its place: half of
 * first · 2^(tries-1), at most `most`, and up to as much again by chance.
 */
export function pause(random: Random, tries: number, first: number, most: number): number {
  const whole = Math.min(most, first * 2 ** Math.max(tries - 1, 0));
  return whole / 2 + (random() * whole) / 2;
}
