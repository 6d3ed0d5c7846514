import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { Backoff, pause } from "./backoff.ts";
import { seeded } from "./fake.ts";

test("a back-off doubles up to its most, and is forgotten by reset", () => {
  const all = new Backoff(() => 1, 500, 30_000);
  deepEqual([1, 2, 3, 4, 5, 6, 7, 8, 9].map(() => all.next()), [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
  all.reset();
  equal(all.next(), 500);
});

test("a back-off is spread over everything from nothing", () => {
  const b = new Backoff(seeded(1), 1000, 1000);
  const waits = Array.from({ length: 2000 }, () => b.next());
  for (let tenth = 0; tenth < 10; tenth++) {
    const share = waits.filter((w) => w >= tenth * 100 && w < (tenth + 1) * 100).length;
    ok(share > 140 && share < 260, `${share} of 2000 in the tenth ${tenth}`);
  }
});

test("a pause grows with the tries and keeps at least half of itself", () => {
  deepEqual([1, 2, 3, 6, 60].map((n) => pause(() => 0, n, 1000, 30_000)), [500, 1000, 2000, 15000, 15000]);
  deepEqual([1, 2, 3, 6, 60].map((n) => pause(() => 1, n, 1000, 30_000)), [1000, 2000, 4000, 30000, 30000]);
});
