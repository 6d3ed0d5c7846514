import type { Body, Message } from "../../client/frame.ts";
import type { Pending } from "../../client/outbox.ts";
import { avatar } from "./avatar.ts";
import { button, fill, h, type Made } from "./dom.ts";
import { icon, type IconName } from "./icon.ts";
import { exactly, nameOf, textOf, timeOf, whyNot } from "./words.ts";

/** Said is a message as a conversation shows it, stored or on its way. */
export interface Said {
  readonly type: "said";
  readonly key: string;
  readonly what: Pick<Message, "kind" | "body" | "recalledAt" | "from">;
  readonly seq: number; // 0: not stored yet
  readonly own: boolean;
  readonly group: boolean;
  /** The first of several in a row from one person, the last of them. */
  readonly first: boolean;
  readonly last: boolean;
  readonly at: Date;
  readonly pending: Pending | null;
  /** Of one's own: how many others have read it, and whether these are all. */
  readonly readBy: number;
  readonly readByAll: boolean;
  readonly recallable: boolean;
}

export interface BubbleActions {
  recall(seq: number): void;
  readers(seq: number): void;
  retry(p: Pending): void;
  discard(p: Pending): void;
}

/** shapeOf says when a message needs another element; its ticks and buttons follow in place. */
export function shapeOf(s: Said): string {
  return `${s.first}${s.last}${s.what.recalledAt !== null}${s.group}`;
}

export function bubble(s: Said, act: BubbleActions): Made<Said> {
  const meta = h("span", { class: "meta" });
  const tools = h("span", { class: "tools" });
  const under = h("div", { class: "under" });
  const recalled = s.what.recalledAt !== null;
  const plain = recalled || typeof s.what.body["text"] === "string" && !s.what.kind.startsWith("shop.");
  const inside = plain ? h("p", { class: "text", dir: "auto" }, textOf(s.what)) : card(s.what.kind, s.what.body);
  const node = h(
    "article",
    { class: `said ${s.own ? "own" : "other"}${s.first ? " first" : ""}${s.last ? " last" : ""}${recalled ? " recalled" : ""}${s.group ? " in-group" : ""}`, "data-key": s.key },
    !s.own && s.group && (s.last ? avatar(s.what.from, "direct") : h("span", { class: "avatar none" })),
    h(
      "div",
      { class: "said-main" },
      !s.own && s.group && s.first && h("span", { class: "who" }, nameOf(s.what.from)),
      h("span", { class: "for-reader" }, s.own ? "You: " : `${nameOf(s.what.from)}: `),
      h("div", { class: "bubble" }, inside, meta),
      under,
    ),
    tools,
  );
  let now = "";
  return {
    node,
    update(s) {
      const next = [s.seq, s.pending?.state, s.pending?.code, s.readBy, s.readByAll, s.recallable].join();
      if (next === now) return;
      now = next;
      if (s.seq > 0) node.setAttribute("data-seq", String(s.seq));
      node.setAttribute("data-state", s.pending ? s.pending.state : s.readBy > 0 && s.own ? "read" : "sent");
      fill(meta, h("time", { datetime: s.at.toISOString(), title: exactly(s.at) }, timeOf(s.at)), ...(s.own && !recalled ? [tick(s)] : []));
      fill(tools, ...actions(s, act));
      fill(under, ...trouble(s, act));
    },
  };
}

/** tick says how far a message of one's own has come. */
function tick(s: Said): HTMLElement {
  const [name, words, mood]: [IconName, string, string] = s.pending
    ? s.pending.state === "failed"
      ? ["alert", "Not sent", "failed"]
      : ["clock", "Sending", "sending"]
    : s.readBy === 0
      ? ["check", "Sent", "sent"]
      : ["checks", s.readByAll ? (s.group ? "Read by all" : "Read") : `Read by ${s.readBy}`, s.readByAll ? "read all" : "read"];
  return h("span", { class: `tick ${mood}`, title: words }, icon(name), h("span", { class: "for-reader" }, words));
}

function actions(s: Said, act: BubbleActions): HTMLElement[] {
  if (s.pending || s.what.recalledAt !== null) return [];
  const found = [];
  if (s.own) found.push(button("Who has read it", () => act.readers(s.seq), { class: "tool small", "data-focus": "readers" }, icon("eye")));
  if (s.recallable) found.push(button("Recall this message", () => act.recall(s.seq), { class: "tool small", "data-focus": "recall" }, icon("undo")));
  return found;
}

function trouble(s: Said, act: BubbleActions): HTMLElement[] {
  const p = s.pending;
  if (p?.state !== "failed") return [];
  return [
    h("span", { class: "failed" }, `Not sent: ${whyNot(p.code)}. `),
    button("Try again", () => act.retry(p), { class: "link" }),
    button("Throw away", () => act.discard(p), { class: "link quiet" }),
  ];
}

const EVENTS: Record<string, readonly [IconName, string]> = {
  reserved: ["bag", "Order confirmed"],
  paid: ["coin", "Payment received"],
  shipped: ["truck", "On its way"],
  closed: ["close", "Order closed"],
};

/** card is a message of the shop: an order or a refund. A kind from a later version shows its text, or its name. */
function card(kind: string, body: Body): HTMLElement {
  const text = typeof body["text"] === "string" ? body["text"] : "";
  const order = typeof body["order_id"] === "string" ? body["order_id"] : "";
  if (kind !== "shop.order" && kind !== "shop.refund") return h("p", { class: "text unknown" }, text || `A message of the kind “${kind}”, which this page cannot show`);
  const event = typeof body["event"] === "string" ? body["event"] : "";
  const [picture, title] = kind === "shop.refund" ? (["coin", "Refund"] as const) : (EVENTS[event] ?? (["bag", "Your order"] as const));
  return h(
    "div",
    { class: `card ${kind === "shop.refund" ? "refund" : event}` },
    h("div", { class: "card-head" }, icon(picture), h("strong", {}, title), kind === "shop.refund" && h("span", { class: "amount" }, money(body["amount"]))),
    text && h("p", { class: "text", dir: "auto" }, text),
    order && h("p", { class: "order" }, "Order ", h("code", {}, order)),
  );
}

function money(value: unknown): string {
  const { amount, currency } = (typeof value === "object" && value !== null ? value : {}) as { amount?: unknown; currency?: unknown };
  if (!Number.isSafeInteger(amount) || typeof currency !== "string") return "";
  try {
    const format = new Intl.NumberFormat(undefined, { style: "currency", currency });
    return format.format((amount as number) / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
  } catch {
    return `${amount as number} ${currency}`; // no currency that the browser knows
  }
}
