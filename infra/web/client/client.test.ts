import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import type { Client } from "./client.ts";
import { said, seeded, settle, wire, type FakeSocket } from "./fake.ts";
import { Shop } from "./fake_shop.ts";
import { MemoryStore, type Store } from "./store.ts";

/** shown is what a conversation shows: seqs, gaps, and what is pending by its state. */
function shown(c: Client, id = "c"): string {
  return c
    .timeline(id)
    .map((e) => (e.type === "message" ? String(e.message.seq) : e.type === "gap" ? `[${e.from}-${e.to}]` : e.type === "pending" ? e.pending.state : `${e.change.kind}`))
    .join(" ");
}

async function started(shop = new Shop(), store?: Store): Promise<{ shop: Shop; client: Client; socket: FakeSocket }> {
  const client = shop.client(store);
  client.start();
  return { shop, client, socket: await shop.ready() };
}

test("ready brings what is there, and names the cursors next time", async () => {
  const shop = new Shop();
  for (let i = 0; i < 60; i++) shop.post("c", false);
  const { client } = await started(shop);
  equal(client.timeline("c").length, 51);
  deepEqual(client.timeline("c")[0], { type: "gap", from: 1, to: 10, coming: false });
  equal(client.conversations()[0]?.title, "Group c");
  await client.older("c");
  equal(shown(client), shop.stored.get("c")?.map((m) => m.seq).join(" "));
  shop.last.drop(1006);
  await shop.clock.pass(0);
  await shop.ready();
  deepEqual(shop.cursors, [{ c: 0 }, { c: 60 }]);
});

test("what was pushed is shown once, in order, whatever is lost, doubled or swapped on the way", async () => {
  const { shop, client, socket } = await started();
  const all = [1, 2, 3, 4].map(() => shop.post("c", false));
  for (const i of [0, 3, 3, 1, 0]) socket.say({ t: "message", ...wire(all[i]!) });
  equal(shown(client), "1 2 [3-3] 4");
  await shop.clock.pass(300);
  equal(shown(client), "1 2 3 4");
  deepEqual(shop.cursors.at(-1), { c: 2 });
});

test("what is pushed and not in the sync is asked for again, until it is there", async () => {
  const { shop, client, socket } = await started();
  shop.post();
  socket.say({ t: "message", ...wire(said(3)) });
  await shop.clock.pass(300);
  equal(shown(client), "1 [2-2] 3");
  const asked = shop.cursors.length;
  await shop.clock.pass(300);
  equal(shop.cursors.length, asked + 1);
  shop.post("c", false);
  shop.post("c", false);
  await shop.clock.pass(300);
  equal(shown(client), "1 2 3");
});

test("the very last push lost is found by a ping that is ahead", async () => {
  const { shop, client, socket } = await started();
  shop.post();
  shop.post("c", false);
  socket.say({ t: "ping", heads: { c: 2 } });
  await shop.clock.pass(0);
  equal(shown(client), "1 2");
});

test("a conversation that is new, by a hint or by its first message, is synced and listed", async () => {
  const { shop, client, socket } = await started();
  shop.post("d_bob", false, { from: "bob" });
  socket.say({ t: "hint", conversation: "d_bob", last_seq: 1 });
  await shop.clock.pass(200);
  deepEqual(client.conversations().map((s) => [s.id, s.peer, s.unread]), [["d_bob", "bob", 1], ["c", null, 0]]);
  shop.post("e");
  await shop.clock.pass(200);
  equal(client.conversations().find((s) => s.id === "e")?.title, "Group e");
});

test("a group in which nobody has spoken yet is listed when one is told of it", async () => {
  const { shop, client, socket } = await started();
  shop.stored.set("g", []);
  socket.say({ t: "hint", conversation: "g", last_seq: 0 });
  await shop.clock.pass(200);
  equal(client.conversations().find((s) => s.id === "g")?.title, "Group g");
});

test("sending: kept, sent, stored; it is one entry all the time", async () => {
  const { shop, client, socket } = await started();
  client.send({ conversation: "c" }, "text", { text: "hi" });
  equal(shown(client), "draft");
  await settle();
  equal(shown(client), "sending");
  deepEqual(socket.got("send"), [{ t: "send", client_msg_id: "id1", conversation: "c", kind: "text", body: { text: "hi" } }]);
  shop.accept();
  equal(shown(client), "1");
  deepEqual(client.conversations()[0]?.unread, 0);
});

test("an answer that got lost: the message is found by sync, or pushed, and is not said twice", async () => {
  for (const by of ["sync", "push"]) {
    const { shop, client, socket } = await started();
    client.send({ conversation: "c" }, "text", { text: "hi" });
    await settle();
    const message = shop.accept(false);
    socket.say(by === "push" ? { t: "message", ...wire(message) } : { t: "hint", conversation: "c", last_seq: 1 });
    await shop.clock.pass(0);
    equal(shown(client), "1", by);
    await shop.clock.pass(60_000);
    equal(socket.got("send").length, 1, by);
    equal(client.unsent(), 0);
  }
});

test("an answer lost with its link: the same id again, the duplicate's seq", async () => {
  const { shop, client, socket } = await started();
  client.send({ conversation: "c" }, "text", { text: "hi" });
  await settle();
  const message = shop.accept(false);
  shop.stored.set("c", []); // sync does not show it yet
  socket.drop(1006);
  equal(shown(client), "waiting");
  await shop.clock.pass(0);
  const again = await shop.ready();
  deepEqual(again.got("send").map((l) => l["client_msg_id"]), ["id1"]);
  again.say({ t: "sent", client_msg_id: "id1", conversation: "c", seq: 1, message_id: message.id, sent_at: message.sentAt, duplicate: true });
  equal(shown(client), "1");
});

test("the first message to somebody opens the conversation, and what follows goes into it", async () => {
  const { shop, client, socket } = await started();
  const opened: unknown[] = [];
  client.on("opened", (o) => opened.push(o));
  client.send({ user: "bob" }, "text", { text: "one" });
  client.send({ user: "bob" }, "text", { text: "two" });
  await settle();
  deepEqual([client.direct("bob"), shown(client, "@bob")], ["@bob", "sending waiting"]);
  deepEqual(client.conversations().map((s) => [s.id, s.peer])[0], ["@bob", "bob"]);
  shop.accept();
  deepEqual(opened, [{ from: "@bob", conversation: "d_bob" }]);
  deepEqual([client.direct("bob"), shown(client, "d_bob")], ["d_bob", "1 sending"]);
  equal(socket.got("send").length, 2);
  shop.accept();
  equal(shown(client, "d_bob"), "1 2");
});

test("offline, five messages, back: they go in order, each once", async () => {
  const { shop, client } = await started();
  client.stop();
  for (let n = 1; n <= 5; n++) client.send({ conversation: "c" }, "text", { text: String(n) });
  await shop.clock.pass(60_000);
  equal(shown(client), "waiting waiting waiting waiting waiting");
  client.start();
  const socket = await shop.ready();
  for (let n = 1; n <= 5; n++) {
    equal(socket.got("send").length, n);
    shop.accept();
  }
  deepEqual(shop.stored.get("c")?.map((m) => m.body["text"]), ["1", "2", "3", "4", "5"]);
  equal(shown(client), "1 2 3 4 5");
});

test("a reload with an unsent message sends it, under the id that it had", async () => {
  const store = new MemoryStore();
  const { shop, client } = await started(new Shop(), store);
  shop.post();
  await shop.clock.pass(200);
  client.stop();
  client.send({ conversation: "c" }, "text", { text: "later" });
  await settle();
  const again = shop.client(store);
  await again.open();
  equal(shown(again), "1 waiting", "before there is any connection");
  again.start();
  const socket = await shop.ready();
  deepEqual(shop.cursors.at(-1), { c: 1 });
  deepEqual(socket.got("send").map((l) => l["client_msg_id"]), ["id1"]);
});

test("a message that is sent before what was kept is read writes over nothing", async () => {
  const store = new MemoryStore();
  const { shop, client } = await started(new Shop(), store);
  client.stop();
  client.send({ conversation: "c" }, "text", { text: "first" });
  await settle();
  const again = shop.client(store);
  again.send({ conversation: "c" }, "text", { text: "second" });
  await settle();
  deepEqual((await store.load("alice")).outbox.map((k) => k.body["text"]), ["first", "second"]);
});

test("a client that was replaced keeps nothing over its successor's store", async () => {
  const store = new MemoryStore();
  const { shop, client, socket } = await started(new Shop(), store);
  const why: unknown[] = [];
  client.on("stopped", (w) => why.push(w));
  socket.drop(4203);
  deepEqual(why, [{ reason: "replaced", code: 4203 }]);
  const before = await store.load("alice");
  client.send({ conversation: "c" }, "text", { text: "here" });
  await shop.clock.pass(1000);
  deepEqual(await store.load("alice"), before);
  client.start();
  deepEqual((await shop.ready()).got("send").length, 1, "it is still said when this one takes over again");
});

test("a client that is closed keeps nothing any more", async () => {
  const store = new MemoryStore();
  const { shop, client } = await started(new Shop(), store);
  shop.post();
  client.close();
  await shop.clock.pass(1000);
  deepEqual(await store.load("alice"), { outbox: [], conversations: [] });
});

test("a final refusal waits for the person, a limit waits by itself", async () => {
  const { shop, client, socket } = await started();
  client.send({ conversation: "c" }, "text", { text: "a" });
  await settle();
  socket.say({ t: "error", code: "rate_limited", ref: "id1" });
  equal(shown(client), "waiting");
  await shop.clock.pass(1000);
  socket.say({ t: "refused", client_msg_id: "id1", code: "muted", retryable: false });
  equal(shown(client), "failed");
  const failed = client.timeline("c")[0];
  ok(failed?.type === "pending");
  equal(failed.pending.code, "muted");
  client.retry(failed.pending);
  shop.accept();
  equal(shown(client), "1");
});

test("functions that are down are asked again at their word, and nothing pushed is lost meanwhile", async () => {
  const shop = new Shop();
  for (let i = 0; i < 3; i++) shop.post("c", false);
  shop.down = true;
  const { client } = await started(shop);
  shop.post();
  equal(shown(client), "[1-3] 4");
  await shop.clock.pass(1_999);
  equal(shop.cursors.length, 0);
  shop.down = false;
  await shop.clock.pass(1);
  equal(shown(client), "1 2 3 4");
});

test("read marks go out once, only forward, and again where the server has not heard of them", async () => {
  const { shop, client, socket } = await started();
  for (let i = 0; i < 3; i++) shop.post();
  equal(client.conversations()[0]?.unread, 3);
  client.read("c", 2);
  client.read("c", 1);
  client.read("c", 99);
  deepEqual(socket.got("read").map((l) => l["seq"]), [2, 3]);
  equal(client.conversations()[0]?.unread, 0);
  socket.drop(1006);
  await shop.clock.pass(0);
  deepEqual((await shop.ready()).got("read").map((l) => l["seq"]), [3]);
  shop.reads.set("c", 3);
  shop.last.drop(1006);
  await shop.clock.pass(0);
  deepEqual((await shop.ready()).got("read"), []);
});

test("what another device has read is read here, what others have read is a receipt", async () => {
  const { shop, client, socket } = await started();
  for (let i = 0; i < 3; i++) shop.post();
  socket.say({ t: "event", conversation: "c", seq: 2, kind: "read", user: "alice" }, { t: "event", conversation: "c", seq: 3, kind: "read", user: "bob" }, { t: "event", conversation: "c", seq: 1, kind: "read", user: "bob" });
  equal(client.conversations()[0]?.unread, 1);
  deepEqual([...client.receiptsOf("c")], [["bob", 3]]);
  await client.receipts("c", 9);
  equal(client.receiptsOf("c").get("bob"), 9);
});

test("a recall empties the message where it is shown and in the list", async () => {
  const { shop, client, socket } = await started();
  shop.post();
  shop.post();
  socket.say({ t: "event", conversation: "c", seq: 2, kind: "recall", by: "bob" });
  const entry = client.timeline("c")[1];
  ok(entry?.type === "message" && entry.message.recalledAt !== null);
  ok(client.conversations()[0]?.last?.recalledAt);
  await client.recall("c", 1);
  ok(shop.asked.includes("POST push-message/c/recall"));
});

test("what happens in a group stands where it happened, once", async () => {
  const { shop, client, socket } = await started();
  shop.post();
  const joined = { t: "event", conversation: "c", seq: 1, kind: "member", user: "carol", change: "joined", by: "bob", version: 2 };
  socket.say(joined, joined);
  shop.post();
  socket.say({ t: "event", conversation: "c", seq: 2, kind: "group", title: "Tea", by: "bob" });
  equal(shown(client), "1 member 2 group");
  equal(client.conversations()[0]?.title, "Tea");
});

test("who is removed, or whose group is dissolved, has it no more; nor what sync says is gone", async () => {
  for (const event of [{ kind: "member", user: "alice", change: "removed", by: "bob", version: 3 }, { kind: "group", dissolved: true, by: "bob" }]) {
    const { client, socket } = await started();
    const removed: string[] = [];
    client.on("removed", (id) => removed.push(id));
    socket.say({ t: "event", conversation: "c", seq: 0, ...event });
    deepEqual([removed, client.conversations()], [["c"], []]);
  }
  const { shop, client } = await started();
  shop.stored.delete("c");
  shop.removed = ["c"];
  shop.last.drop(1006);
  await shop.clock.pass(0);
  await shop.ready();
  deepEqual(client.conversations(), []);
});

test("typing is told now and then, presence is asked for again on a new connection", async () => {
  const { shop, client, socket } = await started();
  const told: unknown[] = [];
  client.on("typing", (t) => told.push(t));
  client.on("presence", (p) => told.push(p));
  for (let i = 0; i < 5; i++) client.typing("c");
  client.typing("unknown");
  equal(socket.got("typing").length, 1);
  await shop.clock.pass(3_000);
  client.typing("c");
  equal(socket.got("typing").length, 2);
  client.watch(["bob"]);
  client.watch(["bob"]);
  deepEqual(socket.got("presence"), [{ t: "presence", users: ["bob"] }]);
  socket.say({ t: "typing", conversation: "c", user: "bob" }, { t: "typing", conversation: "c", user: "alice" }, { t: "presence", user: "bob", online: true, last_active: null });
  deepEqual(told, [{ conversation: "c", user: "bob" }, { user: "bob", online: true, lastActive: null }]);
  socket.drop(1006);
  await shop.clock.pass(0);
  deepEqual((await shop.ready()).got("presence").length, 1);
});

test("a person who has to sign in again is told so", async () => {
  const shop = new Shop();
  shop.signedOut = true;
  const client = shop.client();
  const why: unknown[] = [];
  client.on("stopped", (w) => why.push(w));
  client.start();
  await settle();
  deepEqual(why, [{ reason: "signed-out", code: 0 }]);
});

test("a server gone mad: rubbish, strangers' answers and absurd heads neither break it nor make it ask in a circle", async () => {
  const { shop, client, socket } = await started();
  const random = seeded(3);
  shop.post();
  const before = shop.asked.length;
  for (let i = 0; i < 200; i++) {
    const seq = Math.floor(random() * 2 ** 40) + 2;
    socket.say({ t: "hint", conversation: "c", last_seq: seq }, { t: "ping", heads: { c: seq } }, { t: "sent", client_msg_id: `x${i}`, conversation: "c", seq, message_id: "m", sent_at: "" }, { t: "refused", client_msg_id: "x", code: "", retryable: true }, "{", { t: "event", conversation: "c", seq, kind: "recall" });
    socket.raw(new Uint8Array(3));
    await shop.clock.pass(100);
  }
  equal(shown(client), "1");
  const asked = shop.asked.length - before;
  ok(asked <= 201, `${asked} questions in 20 s of lies`);
  const quiet = shop.asked.length;
  await shop.clock.pass(24_000);
  ok(shop.asked.length - quiet <= 1, "the last lie is asked after once");
  shop.post();
  equal(shown(client), "1 2");
});
