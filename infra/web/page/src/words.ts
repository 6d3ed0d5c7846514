import type { Fault } from "../../client/api.ts";
import type { Note } from "../../client/conversation.ts";
import type { Message } from "../../client/frame.ts";

/** Whoever sends the shop's own messages. */
export const SHOP = "shop";

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long" });
const longAgo = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const short = new Intl.DateTimeFormat(undefined, { day: "2-digit", month: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

const DAY_MS = 86_400_000;

/** day is midnight before a time, in the reader's zone. */
export function day(at: Date): number {
  return new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();
}

/** ago is how many midnights lie between. */
function ago(at: Date, now: Date): number {
  return Math.round((day(now) - day(at)) / DAY_MS);
}

export const timeOf = (at: Date): string => clock.format(at);
export const exactly = (at: Date): string => full.format(at);

export function dayOf(at: Date, now = new Date()): string {
  const days = ago(at, now);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  if (days > 1 && days < 7) return weekday.format(at);
  return (at.getFullYear() === now.getFullYear() ? date : longAgo).format(at);
}

/** briefly is a time for a list: the hour today, the day before. */
export function briefly(at: Date, now = new Date()): string {
  if (Number.isNaN(at.getTime())) return "";
  const days = ago(at, now);
  if (days <= 0) return clock.format(at);
  if (days === 1) return "Yesterday";
  return days < 7 ? weekday.format(at).slice(0, 3) : short.format(at);
}

export function lastSeen(at: string | null, now = new Date()): string {
  if (at === null) return "offline";
  const minutes = Math.floor((now.getTime() - new Date(at).getTime()) / 60_000);
  if (minutes < 1) return "seen just now";
  if (minutes < 60) return `seen ${minutes} min ago`;
  const then = new Date(at);
  return ago(then, now) === 0 ? `seen at ${clock.format(then)}` : `seen ${dayOf(then, now).toLowerCase()}`;
}

/** nameOf is how a user is called. */
export function nameOf(user: string, me?: string): string {
  if (user === me) return "You";
  return user === SHOP ? "The shop" : user;
}

/** textOf is what a message says in one line. */
export function textOf(m: Pick<Message, "kind" | "body" | "recalledAt">): string {
  if (m.recalledAt) return "Message recalled";
  const text = m.body["text"];
  return typeof text === "string" && text !== "" ? text : `[${m.kind}]`;
}

export function noteText(note: Note, me: string): string {
  const c = note.change;
  if (c.kind === "group") return c.title === null ? "The group was changed" : `${c.by ? nameOf(c.by, me) : "Somebody"} named the group “${c.title}”`;
  const who = nameOf(c.user, me);
  const was = c.user === me ? "were" : "was";
  const by = c.by && c.by !== c.user ? ` by ${c.by === me ? "you" : nameOf(c.by)}` : "";
  switch (c.change) {
    case "joined":
      return by ? `${who} ${was} added${by}` : `${who} joined`;
    case "left":
      return `${who} left`;
    case "removed":
      return `${who} ${was} removed${by}`;
    case "role":
      return `${who} ${was} given another role${by}`;
    case "muted":
      return `${who} ${was} muted or may speak again`;
    default:
      return `${who}: ${c.change}`;
  }
}

/** whyNot says in words why something was refused. */
export function whyNot(code: string | null): string {
  const words: Record<string, string> = {
    muted: "you are muted here",
    not_found: "this conversation is not there any more",
    denied: "you may not do that",
    too_large: "it is too long",
    invalid_recipient: "there is nobody like that",
    client_msg_id_reused: "it was sent before with other words",
    rate_limited: "too fast, it goes on by itself",
    unavailable: "the server is busy, it goes on by itself",
    no_answer: "no answer yet",
    unauthenticated: "the session has ended",
    recall_too_late: "messages can be recalled for two minutes",
    owner_must_hand_over: "hand the group over to somebody first",
    owner_needed: "a group needs an owner",
    group_full: "the group is full",
    too_many_groups: "you are in too many groups",
    invalid_title: "that is no title for a group",
    invalid_members: "check the names of the members",
    invalid_credentials: "the name or the password is wrong",
    unreachable: "the server cannot be reached",
  };
  return (code !== null && words[code]) || code || "unknown";
}

export const sentence = (fault: Fault | { code: string }): string => {
  const why = whyNot(fault.code);
  return `${why.charAt(0).toUpperCase()}${why.slice(1)}.`;
};
