import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { FakeClock, seeded, settle } from "./fake.ts";
import type { Target } from "./frame.ts";
import { Outbox, type Kept, type Pending } from "./outbox.ts";

/** Post is an outbox whose link and store are the test's. Chance is always the most. */
class Post {
  readonly clock = new FakeClock();
  readonly sent: string[] = [];
  readonly said: string[] = []; // id:state
  readonly peers = new Map<string, string>();
  saves = 0;
  linked = true;
  keep: () => Promise<void> = async () => undefined;
  readonly box: Outbox;

  constructor(random = () => 1) {
    this.box = new Outbox({
      clock: this.clock,
      random,
      lane: (t: Target) => ("user" in t ? (this.peers.get(t.user) ?? `@${t.user}`) : t.conversation),
      send: (item: Pending) => this.linked && (this.sent.push(item.clientMsgId), true),
      save: () => (this.saves++, this.keep()),
      changed: (item) => this.said.push(`${item.clientMsgId}:${item.state}`),
    });
  }

  async add(id: string, target: Target = { conversation: "c" }): Promise<Pending> {
    const item = this.box.add(id, target, "text", { text: id });
    await settle();
    return item;
  }

  states(): string[] {
    return this.box.items().map((i) => `${i.clientMsgId}:${i.state}`);
  }
}

test("a message is kept before it is first sent", async () => {
  const p = new Post();
  let kept: () => void = () => undefined;
  p.keep = () => new Promise((resolve) => (kept = resolve));
  p.box.up();
  await p.add("a");
  deepEqual([p.states(), p.sent, p.saves], [["a:draft"], [], 1]);
  kept();
  await settle();
  deepEqual([p.states(), p.sent], [["a:sending"], ["a"]]);
});

test("a store that is full does not keep a message from being sent", async () => {
  const p = new Post();
  p.keep = () => Promise.reject(new Error("full"));
  p.box.up();
  await p.add("a");
  deepEqual(p.sent, ["a"]);
});

test("draft, waiting, sending, sent", async () => {
  const p = new Post();
  await p.add("a");
  deepEqual(p.states(), ["a:waiting"]);
  p.box.up();
  equal(p.box.sent("a", "c")?.clientMsgId, "a");
  deepEqual(p.said, ["a:draft", "a:waiting", "a:sending", "a:sent"]);
  deepEqual(p.box.items(), []);
  equal(p.box.sent("a", "c"), null, "an answer that comes twice");
});

test("strictly one at a time in a conversation, in order; others beside it", async () => {
  const p = new Post();
  p.box.up();
  for (const id of ["a1", "a2", "a3"]) await p.add(id);
  await p.add("b1", { conversation: "d" });
  deepEqual(p.sent, ["a1", "b1"]);
  p.box.sent("a1", "c");
  deepEqual(p.sent, ["a1", "b1", "a2"]);
  p.box.refused("a2", "unavailable", true, 0);
  deepEqual(p.sent, ["a1", "b1", "a2"], "a3 does not overtake a2");
  await p.clock.pass(1000);
  p.box.sent("a2", "c");
  deepEqual(p.sent, ["a1", "b1", "a2", "a2", "a3"]);
});

test("who is written to by name and by conversation has one order", async () => {
  const p = new Post();
  p.box.up();
  await p.add("a", { user: "bob" });
  await p.add("b", { user: "bob" });
  deepEqual(p.sent, ["a"]);
  p.peers.set("bob", "d_1");
  await p.add("c", { conversation: "d_1" });
  deepEqual(p.sent, ["a"]);
  p.box.sent("a", "d_1");
  p.box.sent("b", "d_1");
  deepEqual(p.sent, ["a", "b", "c"]);
});

test("a lost link puts back what was under way; it goes out again under its id as soon as there is one", async () => {
  const p = new Post();
  p.box.up();
  await p.add("a");
  await p.add("b");
  p.box.down();
  deepEqual(p.states(), ["a:waiting", "b:waiting"]);
  await p.clock.pass(60_000);
  deepEqual(p.sent, ["a"]);
  p.box.up();
  deepEqual(p.sent, ["a", "a"]);
});

test("an answer is waited for 15 s, then the message goes again; a late answer counts", async () => {
  const p = new Post();
  p.box.up();
  await p.add("a");
  await p.clock.pass(14_999);
  deepEqual(p.states(), ["a:sending"]);
  await p.clock.pass(1);
  deepEqual([p.states(), p.box.items()[0]?.code], [["a:waiting"], "no_answer"]);
  await p.clock.pass(1000);
  deepEqual(p.sent, ["a", "a"]);
  await p.clock.pass(15_000);
  ok(p.box.sent("a", "c"));
  await p.clock.pass(120_000);
  deepEqual(p.sent, ["a", "a"]);
});

test("refused and retryable: 1 s · 2^n up to 30 s, not before retry_after_ms", async () => {
  const p = new Post();
  p.box.up();
  await p.add("a");
  const waits: number[] = [];
  for (let i = 0; i < 7; i++) {
    const before = p.clock.now();
    p.box.refused("a", "limited", true, 0);
    while (p.sent.length < i + 2) await p.clock.pass(500);
    waits.push(p.clock.now() - before);
  }
  deepEqual(waits, [1000, 2000, 4000, 8000, 16000, 30000, 30000]);
  p.box.refused("a", "limited", true, 90_000);
  await p.clock.pass(89_999);
  equal(p.sent.length, 8);
  await p.clock.pass(1);
  equal(p.sent.length, 9);
});

test("refused for good: set aside for the person, the next one goes", async () => {
  const p = new Post();
  p.box.up();
  await p.add("a");
  await p.add("b");
  p.box.refused("a", "muted", false, 5_000);
  deepEqual([p.states(), p.sent, p.box.items()[0]?.code], [["a:failed", "b:sending"], ["a", "b"], "muted"]);
  await p.clock.pass(14_000);
  deepEqual(p.sent, ["a", "b"], "not by itself");
  p.box.retry("a");
  deepEqual(p.states(), ["b:sending", "a:waiting"], "behind what was said since");
  p.box.sent("b", "c");
  deepEqual(p.sent.at(-1), "a");
  p.box.refused("a", "muted", false, 0);
  p.box.discard("a");
  deepEqual(p.states(), []);
});

test("what is not under way cannot be refused, nor what is not failed be retried or thrown away", async () => {
  const p = new Post();
  await p.add("a");
  p.box.refused("a", "denied", false, 0);
  p.box.refused("nobody", "denied", false, 0);
  deepEqual(p.states(), ["a:waiting"]);
  p.box.retry("a");
  p.box.discard("a");
  deepEqual(p.states(), ["a:waiting"]);
});

test("an answer for another conversation than was written to is not one", async () => {
  const p = new Post();
  p.box.up();
  await p.add("a");
  equal(p.box.sent("a", "other"), null);
  deepEqual(p.states(), ["a:sending"]);
});

test("a link that is gone when it is written to costs no try", async () => {
  const p = new Post();
  p.linked = false;
  p.box.up();
  await p.add("a");
  deepEqual([p.states(), p.sent], [["a:waiting"], []]);
  p.linked = true;
  p.box.up();
  deepEqual(p.sent, ["a"]);
});

test("what is kept comes back in its order, before what was added since, failed ones as failed", async () => {
  const p = new Post();
  await p.add("a");
  await p.add("b", { conversation: "d" });
  p.box.up();
  p.box.refused("b", "denied", false, 0);
  const kept = JSON.parse(JSON.stringify(p.box.kept())) as Kept[];
  const q = new Post();
  await q.add("new");
  q.box.restore(kept);
  q.box.restore(kept);
  deepEqual(q.states(), ["a:waiting", "b:failed", "new:waiting"]);
  q.box.up();
  deepEqual(q.sent, ["a"]);
});

test("no more than 16 conversations are sent to at once", async () => {
  const p = new Post();
  for (let i = 0; i < 40; i++) await p.add(`a${i}`, { conversation: `c${i}` });
  p.box.up();
  equal(p.sent.length, 16);
  p.box.sent("a0", "c0");
  equal(p.sent.length, 17);
});

test("whatever a server does, every message is settled once, each conversation in order", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = seeded(seed);
    const p = new Post(random);
    const settled: string[] = [];
    for (let i = 0; i < 12; i++) await p.add(`${i % 3}-${i}`, { conversation: `c${i % 3}` });
    p.box.up();
    for (let step = 0; p.box.items().length > 0; step++) {
      ok(step < 5000, `seed ${seed}: still ${p.states()}`);
      const id = p.sent[Math.floor(random() * p.sent.length)] ?? "";
      const what = random();
      if (what < 0.3) {
        if (p.box.sent(id, `c${id.split("-")[0]}`)) settled.push(id);
      } else if (what < 0.5) p.box.refused(id, "unavailable", true, random() * 5000);
      else if (what < 0.6) p.box.down();
      else p.box.up();
      await p.clock.pass(random() * 4000);
    }
    equal(new Set(settled).size, 12);
    for (const lane of ["0", "1", "2"]) {
      const numbers = settled.filter((id) => id.startsWith(lane)).map((id) => Number(id.split("-")[1]));
      deepEqual(numbers, [...numbers].sort((a, b) => a - b), `seed ${seed}`);
    }
  }
});
