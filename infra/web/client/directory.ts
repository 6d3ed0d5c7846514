import { Conversation } from "./conversation.ts";
import type { Target } from "./frame.ts";
import type { TimelineOptions } from "./timeline.ts";

/** Directory holds the conversations of one user, and which of them is the direct one with whom. */
export class Directory {
  readonly #conversations = new Map<string, Conversation>();
  readonly #peers = new Map<string, string>();

  constructor(
    private readonly me: string,
    private readonly o: TimelineOptions,
  ) {}

  all(): Iterable<Conversation> {
    return this.#conversations.values();
  }

  get(id: string): Conversation | undefined {
    return this.#conversations.get(id);
  }

  /** open gives a conversation, one that nothing is known of when it is new. */
  open(id: string): Conversation {
    const known = this.#conversations.get(id);
    if (known) return known;
    const c = new Conversation(id, this.me, this.o);
    this.#conversations.set(id, c);
    return c;
  }

  /** lane is the name of a target's conversation, `@user` before it is known. */
  lane(target: Target): string {
    return "user" in target ? (this.#peers.get(target.user) ?? `@${target.user}`) : target.conversation;
  }

  /** meet learns which conversation is the direct one with a user. False: that was known. */
  meet(user: string, conversation: string): boolean {
    if (this.#peers.get(user) === conversation) return false;
    this.#peers.set(user, conversation);
    const c = this.open(conversation);
    if (c.peer !== user) {
      c.kind = "direct";
      c.peer = user;
      c.touch();
    }
    return true;
  }

  remove(id: string): boolean {
    const c = this.#conversations.get(id);
    if (!c) return false;
    c.timeline.close();
    this.#conversations.delete(id);
    if (c.peer !== null) this.#peers.delete(c.peer);
    return true;
  }
}
