import { Backoff, type Random } from "./backoff.ts";
import { Fault } from "./api.ts";
import type { Clock, Timer } from "./clock.ts";

/**
 * Errand is one question that is asked by one at a time, however many want it,
 * and asked again until it is answered: after a failure it obeys Retry-After,
 * and stays away longer each time. What is wanted while it is under way is
 * asked once more afterwards, since the answer may be older than the wish.
 */
export class Errand {
  #timer: Timer | null = null;
  #due = 0;
  #notBefore = 0; // a server's word is kept even when somebody wants it sooner
  #running = false;
  #again = false;
  #allowed = false;
  #turn = 0;
  readonly #backoff: Backoff;

  constructor(
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly ask: () => Promise<void>,
  ) {
    this.#backoff = new Backoff(random, 500, 30_000);
  }

  /** allow lets wishes be carried out, from now on. */
  allow(): void {
    this.#allowed = true;
  }

  /** halt drops what is planned. An answer under way still counts. */
  halt(): void {
    this.#allowed = false;
    this.#again = false;
    this.#turn++;
    this.#running = false;
    this.#timer?.stop();
    this.#timer = null;
  }

  /** want plans it at most ms from now. */
  want(ms: number): void {
    if (!this.#allowed) return;
    if (this.#running) {
      this.#again = true;
      return;
    }
    const due = Math.max(this.clock.now() + ms, this.#notBefore);
    if (this.#timer && this.#due <= due) return;
    this.#plan(due);
  }

  #plan(due: number): void {
    this.#timer?.stop();
    this.#due = due;
    this.#timer = this.clock.after(due - this.clock.now(), () => {
      this.#timer = null;
      void this.#run();
    });
  }

  async #run(): Promise<void> {
    const turn = this.#turn;
    this.#running = true;
    this.#again = false;
    let wait = -1;
    try {
      await this.ask();
      this.#backoff.reset();
    } catch (err) {
      if (!(err instanceof Fault)) throw err;
      wait = Math.max(this.#backoff.next(), err.retryAfterMs > 0 ? err.retryAfterMs + this.random() * 1000 : 0);
    } finally {
      if (turn === this.#turn) this.#running = false;
    }
    if (turn !== this.#turn) return;
    if (wait >= 0) {
      this.#notBefore = this.clock.now() + wait;
      this.#plan(this.#notBefore);
    } else if (this.#again) this.want(this.random() * 200);
  }
}
