/** What the tests put in place of the world: time, chance, a server. */
import type { Clock, Timer } from "./clock.ts";
import type { Message } from "./frame.ts";
import type { SocketLike } from "./link.ts";

/** settle lets everything run that waits for nothing but its turn. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

/** FakeClock stands still until a test moves it. */
export class FakeClock implements Clock {
  #now = Date.parse("2026-11-22T12:00:00Z");
  #timers: { due: number; call: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, call: () => void): Timer {
    const timer = { due: this.#now + Math.max(ms, 0), call };
    this.#timers.push(timer);
    return { stop: () => void (this.#timers = this.#timers.filter((t) => t !== timer)) };
  }

  /** pass lets ms go by; what is due is called in order, each at its time. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (;;) {
      const next = this.#timers.reduce<{ due: number; call: () => void } | null>((first, t) => (t.due <= end && (!first || t.due < first.due) ? t : first), null);
      if (!next) break;
      this.#timers.splice(this.#timers.indexOf(next), 1);
      this.#now = Math.max(this.#now, next.due);
      next.call();
      await settle();
    }
    this.#now = end;
  }

  /** waits are the times, from now, for which something waits. */
  waits(): number[] {
    return this.#timers.map((t) => t.due - this.#now).sort((a, b) => a - b);
  }
}

/** FakeSocket is a connection whose other end is the test. */
export class FakeSocket implements SocketLike {
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  readonly sent: Record<string, unknown>[] = [];
  closed: number | null = null;

  constructor(readonly url: string) {}

  send(data: string): void {
    this.sent.push(JSON.parse(data));
  }

  close(code?: number): void {
    this.closed = code ?? 1005;
  }

  accept(): void {
    this.onopen?.({} as never);
  }

  /** say sends lines as one WebSocket message; text goes as it is. */
  say(...lines: (object | string)[]): void {
    this.raw(lines.map((l) => (typeof l === "string" ? l : JSON.stringify(l))).join("\n"));
  }

  raw(data: unknown): void {
    this.onmessage?.({ data } as never);
  }

  drop(code: number): void {
    this.onclose?.({ code } as never);
  }

  /** got are the lines of a kind that came from the client. */
  got(t: string): Record<string, unknown>[] {
    return this.sent.filter((line) => line["t"] === t);
  }
}

/** seeded is chance that is the same in every run. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** said is a message of bob's. */
export function said(seq: number, more: Partial<Message> = {}): Message {
  return { conversation: "c", seq, id: `m${seq}`, clientMsgId: `i${seq}`, from: "bob", sentAt: `2026-11-22T10:00:${String(seq % 60).padStart(2, "0")}.000Z`, kind: "text", body: { text: `n${seq}` }, recalledAt: null, ...more };
}

/** wire is a message as lines and answers carry it. */
export function wire(m: Message): Record<string, unknown> {
  return { conversation: m.conversation, seq: m.seq, message_id: m.id, client_msg_id: m.clientMsgId, from: m.from, sent_at: m.sentAt, kind: m.kind, body: m.body, ...(m.recalledAt ? { recalled_at: m.recalledAt } : {}) };
}

/** answer is what a function says over HTTP. */
export function answer(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(status === 204 ? null : JSON.stringify(body), { status, headers });
}
