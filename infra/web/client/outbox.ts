import { pause, type Random } from "./backoff.ts";
import type { Clock, Timer } from "./clock.ts";
import type { Body, Target } from "./frame.ts";

/** Pending is what a person has sent and a server has not yet answered for. */
export interface Pending {
  /** The same for every try, so that a server can tell a retry from another message. */
  readonly clientMsgId: string;
  readonly target: Target;
  readonly kind: string;
  readonly body: Body;
  /** When the person sent it, in milliseconds. */
  readonly at: number;
  /** draft: not yet kept; waiting: for a link, its turn, or a pause; failed: a person has to decide. */
  readonly state: "draft" | "waiting" | "sending" | "sent" | "failed";
  /** Why it failed, or why it was last put off. */
  readonly code: string | null;
}

/** Kept is a Pending as it is saved. */
export interface Kept {
  readonly clientMsgId: string;
  readonly target: Target;
  readonly kind: string;
  readonly body: Body;
  readonly at: number;
  readonly failed: string | null;
}

export interface OutboxOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** The name of what has one order: the conversation, however it is written to. */
  lane(target: Target): string;
  /** False: there is no link. */
  send(item: Pending): boolean;
  /** Keeps the outbox as it is now. */
  save(): Promise<void>;
  /** Called when an item has changed, appeared or gone. */
  changed(item: Pending): void;
}

type Item = { -readonly [K in keyof Pending]: Pending[K] } & { tries: number; due: number };

const ANSWER_MS = 15_000;
const FIRST_MS = 1_000;
const MOST_MS = 30_000;
const IN_FLIGHT = 16; // conversations at once; a server holds 64 sends of a socket

/**
 * Outbox sends what it is given until a server has it: kept before it is first
 * sent, one at a time in each conversation, in the order of the person. A
 * message that failed for good is set aside and does not hold up the next.
 */
export class Outbox {
  readonly #items: Item[] = [];
  readonly #patience = new Map<Item, Timer>();
  #timer: Timer | null = null;
  #up = false;

  constructor(private readonly o: OutboxOptions) {}

  /** items are all that is not sent, in order. */
  items(): readonly Pending[] {
    return this.#items;
  }

  kept(): Kept[] {
    return this.#items.map(({ clientMsgId, target, kind, body, at, state, code }) => ({ clientMsgId, target, kind, body, at, failed: state === "failed" ? (code ?? "") : null }));
  }

  /** restore puts what was kept before what has been added since. */
  restore(kept: readonly Kept[]): void {
    const items = kept.map(({ failed, ...item }): Item => ({ ...item, state: failed === null ? "waiting" : "failed", code: failed, tries: 0, due: 0 }));
    this.#items.unshift(...items.filter((item) => !this.#find(item.clientMsgId)));
    this.#pump();
  }

  add(clientMsgId: string, target: Target, kind: string, body: Body): Pending {
    const item: Item = { clientMsgId, target, kind, body, at: this.o.clock.now(), state: "draft", code: null, tries: 0, due: 0 };
    this.#items.push(item);
    this.o.changed(item);
    // A store that is full must not keep a message from being sent: it is then
    // only as safe as this page.
    const next = () => {
      if (item.state !== "draft") return;
      this.#set(item, "waiting", null);
      this.#pump();
    };
    this.o.save().then(next, next);
    return item;
  }

  /** up says that there is a ready link. */
  up(): void {
    this.#up = true;
    this.#pump();
  }

  /** down says that it is lost. What was under way may have arrived or not: it is sent again. */
  down(): void {
    this.#up = false;
    for (const item of this.#items) {
      if (item.state !== "sending") continue;
      item.due = 0;
      this.#set(item, "waiting", null);
    }
  }

  /** sent settles an item: it is stored. Null for one that is not here, or was sent elsewhere. */
  sent(clientMsgId: string, conversation: string): Pending | null {
    const item = this.#find(clientMsgId);
    if (!item || ("conversation" in item.target && item.target.conversation !== conversation)) return null;
    this.#items.splice(this.#items.indexOf(item), 1);
    this.#set(item, "sent", null);
    void this.o.save().catch(() => undefined); // it would be sent again, and be known
    this.#pump();
    return item;
  }

  refused(clientMsgId: string, code: string, retryable: boolean, afterMs: number): void {
    const item = this.#find(clientMsgId);
    if (!item || item.state !== "sending") return; // an answer to a try that was given up
    if (retryable) return this.#putOff(item, code, afterMs);
    this.#set(item, "failed", code);
    void this.o.save().catch(() => undefined);
    this.#pump();
  }

  /** retry sends what failed once more, behind what waits. */
  retry(clientMsgId: string): void {
    const item = this.#find(clientMsgId);
    if (!item || item.state !== "failed") return;
    this.#items.splice(this.#items.indexOf(item), 1);
    this.#items.push(item);
    item.tries = 0;
    item.due = 0;
    this.#set(item, "waiting", null);
    void this.o.save().catch(() => undefined);
    this.#pump();
  }

  /** discard forgets what failed. */
  discard(clientMsgId: string): void {
    const item = this.#find(clientMsgId);
    if (!item || item.state !== "failed") return;
    this.#items.splice(this.#items.indexOf(item), 1);
    void this.o.save().catch(() => undefined);
    this.o.changed(item);
  }

  #find(clientMsgId: string): Item | undefined {
    return this.#items.find((item) => item.clientMsgId === clientMsgId);
  }

  #set(item: Item, state: Pending["state"], code: string | null): void {
    item.state = state;
    item.code = code;
    if (state !== "sending") {
      this.#patience.get(item)?.stop();
      this.#patience.delete(item);
    }
    this.o.changed(item);
  }

  #putOff(item: Item, code: string, afterMs: number): void {
    const wait = Math.max(pause(this.o.random, item.tries, FIRST_MS, MOST_MS), afterMs);
    item.due = this.o.clock.now() + wait;
    this.#set(item, "waiting", code);
    this.#pump();
  }

  /** pump sends the first of each conversation that may go, and wakes for the next that must wait. */
  #pump(): void {
    this.#timer?.stop();
    this.#timer = null;
    if (!this.#up) return;
    const taken = new Set<string>();
    let flying = this.#items.filter((item) => item.state === "sending").length;
    let next = Infinity;
    for (const item of [...this.#items]) {
      if (item.state === "failed") continue;
      const lane = this.o.lane(item.target);
      if (taken.has(lane)) continue;
      taken.add(lane);
      if (item.state !== "waiting") continue;
      if (item.due > this.o.clock.now()) {
        next = Math.min(next, item.due);
      } else if (flying < IN_FLIGHT) {
        flying++;
        this.#send(item);
      }
    }
    if (next < Infinity) this.#timer = this.o.clock.after(next - this.o.clock.now(), () => this.#pump());
  }

  #send(item: Item): void {
    if (!this.o.send(item)) return; // the loss is about to be told
    item.tries++;
    this.#set(item, "sending", null);
    this.#patience.set(
      item,
      this.o.clock.after(ANSWER_MS, () => {
        if (item.state === "sending") this.#putOff(item, "no_answer", 0);
      }),
    );
  }
}
