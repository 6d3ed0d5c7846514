import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "./api.ts";
import { FakeClock, said, seeded } from "./fake.ts";
import type { Message } from "./frame.ts";
import { Timeline } from "./timeline.ts";

class Story {
  readonly clock = new FakeClock();
  asked = 0;
  readonly t: Timeline;

  constructor(random = () => 1) {
    this.t = new Timeline({ clock: this.clock, random, behind: () => this.asked++ });
  }

  take(...seqs: number[]): boolean[] {
    return seqs.map((seq) => this.t.take(said(seq)));
  }

  /** shown is what is on the screen: seqs, and gaps as [from-to], coming ones as (from-to). */
  shown(): string {
    return this.t
      .pieces()
      .map((p) => (p.type === "message" ? String(p.message.seq) : p.coming ? `(${p.from}-${p.to})` : `[${p.from}-${p.to}]`))
      .join(" ");
  }
}

const range = (from: number, to: number): Message[] => Array.from({ length: Math.max(to - from + 1, 0) }, (_, i) => said(from + i));

function page(lastSeq: number, messages: Message[], gap: [number, number] | null = null, recalled: number[] = []): Page {
  return { conversation: "c", kind: "group", lastSeq, readSeq: 0, messages, gap: gap && { from: gap[0], to: gap[1] }, recalled };
}

test("the next seq moves the cursor, a known one is dropped", () => {
  const s = new Story();
  deepEqual(s.take(1, 2, 2, 1, 3), [true, true, false, false, true]);
  deepEqual([s.t.cursor, s.shown()], [3, "1 2 3"]);
});

test("what is ahead never moves the cursor, and drains when the hole is filled", () => {
  const s = new Story();
  deepEqual(s.take(1, 3, 5, 4, 4), [true, true, true, true, false]);
  deepEqual([s.t.cursor, s.shown()], [1, "1 (2-2) 3 4 5"]);
  s.take(2);
  deepEqual([s.t.cursor, s.shown()], [5, "1 2 3 4 5"]);
});

test("a gap waits 300 ms, then U(0, 2 s), and asks once", async () => {
  for (const [random, at] of [[0, 300], [0.5, 1300], [1, 2300]] as const) {
    const s = new Story(() => random);
    s.take(1, 3, 4);
    await s.clock.pass(at - 1);
    equal(s.asked, 0);
    await s.clock.pass(1);
    equal(s.asked, 1);
  }
});

test("more of what is ahead does not bring the question forward", () => {
  let chance = 1;
  const s = new Story(() => chance);
  s.take(1, 3);
  chance = 0;
  s.take(4, 5, 6);
  deepEqual(s.clock.waits(), [2300], "a whole group would ask at the soonest of all its chances");
});

test("a gap that fills in time asks nothing", async () => {
  const s = new Story(() => 0);
  s.take(1, 3);
  await s.clock.pass(299);
  s.take(2);
  deepEqual(s.clock.waits(), []);
  await s.clock.pass(10_000);
  equal(s.asked, 0);
});

test("a hint beyond the cursor asks after U(0, 200 ms), another does nothing", async () => {
  const s = new Story();
  s.take(1, 2);
  s.t.hint(2);
  deepEqual(s.clock.waits(), []);
  s.take(4);
  s.t.hint(4);
  deepEqual(s.clock.waits(), [200], "sooner than the gap would have");
  await s.clock.pass(200);
  equal(s.asked, 1);
});

test("a hint whose messages come meanwhile asks nothing", async () => {
  const s = new Story();
  s.take(1);
  s.t.hint(2);
  s.take(2);
  await s.clock.pass(10_000);
  equal(s.asked, 0);
});

test("a conversation with nothing in it asks at once for what is before its first message", async () => {
  const s = new Story();
  s.take(500);
  await s.clock.pass(200);
  equal(s.asked, 1);
});

test("sync brings the newest page and the gap below it", () => {
  const s = new Story();
  s.take(1, 2);
  s.t.synced(page(60, range(51, 60), [3, 50]));
  deepEqual([s.t.cursor, s.shown()], [60, "1 2 [3-50] 51 52 53 54 55 56 57 58 59 60"]);
  deepEqual(s.take(61, 60), [true, false]);
});

test("what was pushed while a sync was under way is neither lost nor doubled", () => {
  const s = new Story();
  s.take(1, 5, 6); // 2-4 missing, sync asked from 1
  s.take(7);
  s.t.synced(page(5, range(2, 5)));
  deepEqual([s.t.cursor, s.shown()], [7, "1 2 3 4 5 6 7"]);
  const late = new Story();
  late.take(1, 2, 3, 4, 5, 6); // moved on by itself meanwhile
  late.t.synced(page(4, range(3, 4), [2, 2]));
  deepEqual([late.t.cursor, late.shown()], [6, "1 2 3 4 5 6"]);
});

test("what waits ahead and lies in the gap that a sync leaves stays on the screen", () => {
  const s = new Story();
  s.take(1, 8);
  s.t.synced(page(60, range(59, 60), [2, 58]));
  equal(s.shown(), "1 [2-7] 8 [9-58] 59 60");
});

test("a page without messages is a gap to its end, or nothing at all", () => {
  const s = new Story();
  s.take(1);
  s.t.synced(page(40, [], [2, 40]));
  deepEqual([s.t.cursor, s.shown()], [40, "1 [2-40]"]);
  s.t.synced(page(44, []));
  deepEqual([s.t.cursor, s.shown()], [44, "1 [2-40]"], "who was away as a stranger does not see what was said meanwhile");
});

test("a page may hold what came after its last_seq was read, and come in any order", () => {
  const s = new Story();
  s.t.synced(page(2, range(1, 4).reverse()));
  deepEqual([s.t.cursor, s.shown()], [4, "1 2 3 4"]);
});

test("holes that a server leaves without a word are marked, not hidden", () => {
  const s = new Story();
  s.take(1);
  s.t.synced(page(9, [said(2), said(5), said(5), said(7)]));
  deepEqual([s.t.cursor, s.shown()], [9, "1 2 [3-4] 5 [6-6] 7 [8-9]"]);
});

test("history fills a gap from its top, and ends it where sight begins", () => {
  const s = new Story();
  s.t.synced(page(100, range(91, 100), [1, 90]));
  s.t.filled(91, range(81, 90).reverse(), false);
  equal(s.t.gaps[0]?.to, 80);
  s.t.filled(81, range(75, 80).reverse(), true);
  deepEqual([s.t.gaps, s.t.pieces().length], [[], 26]);
});

test("history with holes leaves them marked; history with nothing ends the gap", () => {
  const s = new Story();
  s.t.synced(page(20, range(20, 20), [1, 19]));
  s.t.filled(20, [said(19), said(16), said(16), said(30), said(20)], false);
  equal(s.shown(), "[1-15] 16 [17-18] 19 20");
  s.t.filled(19, [], false);
  equal(s.shown(), "[1-15] 16 19 20");
  s.t.filled(16, [], true);
  equal(s.shown(), "16 19 20");
  s.t.filled(16, range(1, 15), true);
  equal(s.shown(), "16 19 20", "an answer to a question that was settled otherwise");
});

test("history that strays into another gap, or out of all, is not believed", () => {
  const s = new Story();
  s.take(1);
  s.t.synced(page(10, range(10, 10), [2, 9]));
  s.t.synced(page(20, range(20, 20), [11, 19]));
  s.t.filled(20, [said(19), said(5), said(15), said(40)], true);
  equal(s.shown(), "1 [2-9] 10 15 [16-18] 19 20");
});

test("after a sync what it did not bring is not waited for; what is ahead is asked for less and less often", async () => {
  const s = new Story();
  s.take(1);
  s.t.hint(9);
  await s.clock.pass(200);
  s.t.settled(9);
  deepEqual([s.asked, s.clock.waits()], [1, []]);
  s.take(3);
  const waits: number[] = [];
  for (let i = 0; i < 6; i++) {
    waits.push(s.clock.waits()[0] ?? -1);
    await s.clock.pass(60_000);
    s.t.settled(s.t.head);
  }
  deepEqual(waits, [2300, 4300, 8300, 16300, 30300, 30300]);
});

test("a hint that comes while a sync is under way is asked for again", () => {
  const s = new Story();
  s.take(1);
  const asked = s.t.head;
  s.t.hint(7);
  s.t.synced(page(5, range(2, 5)));
  s.t.settled(asked);
  equal(s.clock.waits().length, 1);
});

test("a recalled message is empty wherever it came from, and stays so", () => {
  const s = new Story();
  s.take(1, 2, 4);
  ok(s.t.recall(2, "at"));
  ok(s.t.recall(4, "at"));
  equal(s.t.recall(2, "later"), false);
  equal(s.t.recall(4, "later"), false);
  equal(s.t.recall(3, "at"), false);
  deepEqual([s.t.get(2)?.body, s.t.get(2)?.recalledAt, s.t.get(4)?.body], [{}, "at", {}]);
  s.take(2, 3);
  equal(s.t.get(2)?.recalledAt, "at", "the message again, as it was");
  s.t.synced(page(4, [], null, [1]));
  ok(s.t.get(1)?.recalledAt);
  s.t.take(said(3, { body: {}, recalledAt: "x" }));
  equal(s.t.get(3)?.recalledAt, "x");
});

test("more than a thousand ahead are left to sync", () => {
  const s = new Story();
  s.take(1);
  for (let seq = 3; seq < 5000; seq++) s.take(seq);
  equal(s.t.pieces().length, 1 + 1 + 1000);
  s.t.synced(page(4999, range(4950, 4999), [2, 4949]));
  equal(s.t.cursor, 4999);
});

test("the newest 200 are kept, what is not is a gap", () => {
  const s = new Story();
  s.t.synced(page(300, range(11, 300)));
  const saved = JSON.parse(JSON.stringify(s.t.save()));
  const r = new Story();
  r.t.restore(saved);
  deepEqual([r.t.cursor, r.t.pieces().length, r.t.gaps], [300, 201, [{ from: 1, to: 100 }]]);
  r.take(301);
  equal(r.t.last?.seq, 301);
  equal(s.t.pieces().length, 290, "keeping changes nothing");
});

test("whatever comes in whatever order: by seq, nothing twice, no hole without its mark", async () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seeded(seed);
    const below = (n: number) => Math.floor(random() * n);
    const s = new Story(random);
    const last = 5 + below(60);
    const from = below(4) === 0 ? below(last) : 0; // sight begins behind it
    for (let step = 0; step < 80; step++) {
      const what = below(10);
      const head = 1 + below(last);
      if (what < 5) s.take(from + 1 + below(last - from));
      else if (what < 6) s.t.hint(head);
      else if (what < 8) {
        const after = Math.max(s.t.cursor, from);
        const to = Math.max(after, head);
        const first = Math.max(after + 1, to - 3);
        const asked = s.t.head;
        s.t.synced(page(to, range(first, to), first > after + 1 ? [after + 1, first - 1] : null));
        s.t.settled(asked);
      } else if (what < 9) {
        const gap = s.t.gaps[below(s.t.gaps.length)];
        if (gap) s.t.filled(gap.to + 1, range(Math.max(from + 1, gap.to - 4), gap.to).reverse(), gap.to - 4 <= from + 1);
      } else await s.clock.pass(below(3000));
      whole(s, `seed ${seed}, step ${step}`);
    }
    const after = Math.max(s.t.cursor, from);
    s.t.synced(page(last, range(after + 1, last)));
    for (let gap = s.t.gaps.at(-1); gap; gap = s.t.gaps.at(-1)) s.t.filled(gap.to + 1, range(from + 1, gap.to).reverse(), true);
    deepEqual(s.t.pieces().map((p) => (p.type === "message" ? p.message.seq : p)), range(from + 1, last).map((m) => m.seq), `seed ${seed}`);
  }
});

/** whole checks what must hold of a timeline at any time. */
function whole(s: Story, when: string): void {
  let at = 0;
  let begun = false;
  for (const p of s.t.pieces()) {
    const [from, to] = p.type === "message" ? [p.message.seq, p.message.seq] : [p.from, p.to];
    if (from <= at || to < from) throw new Error(`${when}: ${s.shown()} is out of order or double`);
    if (begun && from !== at + 1) throw new Error(`${when}: ${s.shown()} hides what is between ${at} and ${from}`);
    at = to;
    begun = true;
  }
  ok(s.t.gaps.every((g) => g.to <= s.t.cursor), when);
}
