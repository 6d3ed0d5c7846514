import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { said } from "./fake.ts";
import type { Kept } from "./outbox.ts";
import { LocalStore, MemoryStore, type SavedConversation, type Shelf, type Store } from "./store.ts";

/** Board is a shelf with room for so many characters. */
class Board implements Shelf {
  readonly held = new Map<string, string>();
  writes = 0;

  constructor(public room = Infinity) {}

  get length(): number {
    return this.held.size;
  }
  key(n: number): string | null {
    return [...this.held.keys()][n] ?? null;
  }
  getItem(key: string): string | null {
    return this.held.get(key) ?? null;
  }
  removeItem(key: string): void {
    this.held.delete(key);
  }
  setItem(key: string, value: string): void {
    let used = value.length;
    for (const [k, v] of this.held) if (k !== key) used += v.length;
    if (used > this.room) throw new Error("QuotaExceededError");
    this.writes++;
    this.held.set(key, value);
  }
}

const kept = (id: string): Kept => ({ clientMsgId: id, target: { conversation: "c" }, kind: "text", body: { text: id }, at: 1, failed: null });
const conversation = (id: string): SavedConversation => ({ id, kind: "direct", title: null, peer: "bob", activeAt: "", readSeq: 1, receipts: [["bob", 1]], cursor: 1, messages: [said(1)], gaps: [] });

test("what is saved is loaded, each user's own", async () => {
  const stores: Store[] = [new MemoryStore(), new LocalStore(new Board())];
  for (const store of stores) {
    const state = { outbox: [kept("a"), kept("b")], conversations: [conversation("c")] };
    await store.save("alice", state);
    deepEqual(await store.load("alice"), state);
    deepEqual(await store.load("alice2"), { outbox: [], conversations: [] });
  }
});

test("only what has changed is written, what is gone is removed", async () => {
  const board = new Board();
  const store = new LocalStore(board);
  const [c, d] = [conversation("c"), conversation("d")];
  await store.save("alice", { outbox: [], conversations: [c, d] });
  equal(board.writes, 2);
  await store.save("alice", { outbox: [], conversations: [c, d] });
  equal(board.writes, 2);
  await store.save("alice", { outbox: [kept("a")], conversations: [{ ...c, readSeq: 2 }] });
  equal(board.writes, 4);
  deepEqual((await new LocalStore(board).load("alice")).conversations.map((x) => x.id), ["c"]);
  await store.save("alice", { outbox: [], conversations: [] });
  deepEqual((await new LocalStore(board).load("alice")).outbox, [], "what was sent is not sent again after a reload");
});

test("without room, what a server has makes way for what it has not", async () => {
  const board = new Board(1200);
  const store = new LocalStore(board);
  await store.save("alice", { outbox: [], conversations: [conversation("c"), conversation("d")] });
  await store.save("alice", { outbox: [kept("x".repeat(300))], conversations: [] });
  equal((await new LocalStore(board).load("alice")).outbox.length, 1);
  board.room = 10;
  await rejects(store.save("alice", { outbox: [kept("a")], conversations: [] }), /Quota/);
});

test("a conversation that does not fit is left out and does not keep others from being kept", async () => {
  const board = new Board(700);
  const store = new LocalStore(board);
  const long = { ...conversation("long"), messages: Array.from({ length: 50 }, (_, i) => said(i + 1)) };
  await store.save("alice", { outbox: [kept("a")], conversations: [long, conversation("c")] });
  const loaded = await new LocalStore(board).load("alice");
  deepEqual([loaded.outbox.length, loaded.conversations.map((c) => c.id)], [1, ["c"]]);
});

test("what cannot be read is as if it were not there", async () => {
  const board = new Board();
  board.held.set("bazaar/alice/outbox", "{");
  board.held.set("bazaar/alice/c/c", JSON.stringify({ v: 1, value: { id: 7 } }));
  board.held.set("bazaar/alice/c/d", JSON.stringify({ v: 99, value: conversation("d") }));
  deepEqual(await new LocalStore(board).load("alice"), { outbox: [], conversations: [] });
  board.held.set("bazaar/alice/outbox", JSON.stringify({ v: 1, value: [null, 3, {}, kept("a")] }));
  equal((await new LocalStore(board).load("alice")).outbox.length, 1);
});

test("a user who is forgotten leaves nothing, another everything", async () => {
  const board = new Board();
  const store = new LocalStore(board);
  for (const user of ["alice", "bob"]) await store.save(user, { outbox: [kept("a")], conversations: [conversation("c")] });
  store.forget("alice");
  ok([...board.held.keys()].every((key) => key.startsWith("bazaar/bob/")));
  equal(board.held.size, 2);
});
