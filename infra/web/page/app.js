// Made by `go generate ./infra/web` of page/src and client; not to be edited.
"use strict";
(() => {
  // client/frame.ts
  var PROTOCOL = "bazaar.v1.json";
  var Malformed = class extends Error {
  };
  var ID = /^[A-Za-z0-9_-]{1,64}$/;
  var Fields = class _Fields {
    #of;
    constructor(value) {
      if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Malformed("not an object");
      this.#of = value;
    }
    #at(name) {
      return Object.hasOwn(this.#of, name) ? this.#of[name] : void 0;
    }
    has(name) {
      const value = this.#at(name);
      return value !== void 0 && value !== null;
    }
    text(name) {
      const value = this.#at(name);
      if (typeof value !== "string") throw new Malformed(`${name} is no text`);
      return value;
    }
    textOr(name, other) {
      return this.has(name) ? this.text(name) : other;
    }
    id(name) {
      const value = this.text(name);
      if (!ID.test(value)) throw new Malformed(`${name} is no id`);
      return value;
    }
    whole(name, least) {
      const value = this.#at(name);
      if (!Number.isSafeInteger(value) || value < least) throw new Malformed(`${name} is no number of at least ${least}`);
      return value;
    }
    wholeOr(name, least, other) {
      return this.has(name) ? this.whole(name, least) : other;
    }
    flag(name) {
      return this.#at(name) === true;
    }
    object(name) {
      return new _Fields(this.#at(name));
    }
    raw(name) {
      return this.object(name).#of;
    }
    list(name) {
      const value = this.#at(name);
      if (!Array.isArray(value)) throw new Malformed(`${name} is no list`);
      return value;
    }
    /** ids is a list of ids. */
    ids(name) {
      return this.list(name).map((value) => {
        if (typeof value !== "string" || !ID.test(value)) throw new Malformed(`${name} holds what is no id`);
        return value;
      });
    }
    /** heads is `{conversation: last_seq}`; nothing at all is none. */
    heads(name) {
      const heads = /* @__PURE__ */ new Map();
      if (!this.has(name)) return heads;
      const found = this.object(name);
      for (const conversation of Object.keys(found.#of)) {
        if (ID.test(conversation)) heads.set(conversation, found.whole(conversation, 0));
      }
      return heads;
    }
  };
  function message(value) {
    const f = value instanceof Fields ? value : new Fields(value);
    return {
      conversation: f.id("conversation"),
      seq: f.whole("seq", 1),
      id: f.text("message_id"),
      clientMsgId: f.id("client_msg_id"),
      from: f.id("from"),
      sentAt: f.text("sent_at"),
      kind: f.text("kind"),
      body: f.raw("body"),
      recalledAt: f.textOr("recalled_at", null)
    };
  }
  function change(f) {
    const conversation = f.id("conversation");
    const kind = f.text("kind");
    switch (kind) {
      case "member":
        return { kind, conversation, seq: f.wholeOr("seq", 0, 0), user: f.id("user"), change: f.text("change"), by: f.textOr("by", ""), version: f.wholeOr("version", 0, 0) };
      case "group":
        return { kind, conversation, seq: f.wholeOr("seq", 0, 0), title: f.textOr("title", null), dissolved: f.flag("dissolved"), by: f.textOr("by", "") };
      case "read":
        return { kind, conversation, seq: f.whole("seq", 0), user: f.id("user") };
      case "recall":
        return { kind, conversation, seq: f.whole("seq", 1), by: f.textOr("by", "") };
      default:
        return null;
    }
  }
  function line(f) {
    const t = f.text("t");
    switch (t) {
      case "hello":
        return { t, heartbeatMs: f.whole("heartbeat_ms", 1) };
      case "ready":
        return { t, user: f.id("user"), heads: f.heads("heads") };
      case "sent":
        return { t, clientMsgId: f.id("client_msg_id"), conversation: f.id("conversation"), seq: f.whole("seq", 1), messageId: f.text("message_id"), sentAt: f.text("sent_at") };
      case "refused":
        return { t, clientMsgId: f.id("client_msg_id"), code: f.text("code"), retryable: f.flag("retryable"), retryAfterMs: f.wholeOr("retry_after_ms", 0, 0) };
      case "message":
        return { t, message: message(f) };
      case "event": {
        const told = change(f);
        return told && { t, change: told };
      }
      case "hint":
        return { t, conversation: f.id("conversation"), lastSeq: f.whole("last_seq", 0) };
      case "typing":
        return { t, conversation: f.id("conversation"), user: f.id("user") };
      case "presence":
        return { t, user: f.id("user"), online: f.flag("online"), lastActive: f.textOr("last_active", null) };
      case "ping":
        return { t, heads: f.heads("heads") };
      case "pong":
        return { t };
      case "bye":
        return { t, code: f.whole("code", 1e3), afterMs: f.wholeOr("after_ms", 0, 0) };
      case "error":
        return { t, code: f.text("code"), ref: f.textOr("ref", "") };
      default:
        return null;
    }
  }
  function lines(text) {
    const found = [];
    for (const one of text.split("\n")) {
      try {
        const read2 = line(new Fields(JSON.parse(one)));
        if (read2) found.push(read2);
      } catch (err) {
        if (!(err instanceof Malformed || err instanceof SyntaxError)) throw err;
      }
    }
    return found;
  }
  var say = {
    auth: (token, device2) => JSON.stringify({ t: "auth", token, device: device2 }),
    token: (token) => JSON.stringify({ t: "token", token }),
    send: (clientMsgId, target, kind, body) => JSON.stringify({ t: "send", client_msg_id: clientMsgId, ..."user" in target ? { to: target.user } : { conversation: target.conversation }, kind, body }),
    read: (conversation, seq) => JSON.stringify({ t: "read", conversation, seq }),
    typing: (conversation) => JSON.stringify({ t: "typing", conversation }),
    presence: (users) => JSON.stringify({ t: "presence", users }),
    ping: () => '{"t":"ping"}',
    pong: () => '{"t":"pong"}'
  };

  // client/api.ts
  var SignedOut = class extends Error {
  };
  var Fault = class extends Error {
    constructor(status, code, detail, retryAfterMs) {
      super(detail || code);
      this.status = status;
      this.code = code;
      this.detail = detail;
      this.retryAfterMs = retryAfterMs;
    }
    status;
    code;
    detail;
    retryAfterMs;
  };
  var PATIENCE_MS = 15e3;
  var Api = class {
    #o;
    groups;
    constructor(o) {
      this.#o = o;
      this.groups = {
        create: async (title, members, open) => group(await this.#json("POST", "/manage-group", { title, members, open })),
        show: async (id2) => group(await this.#json("GET", `/manage-group/${id2}`)),
        change: async (id2, to) => group(await this.#json("PATCH", `/manage-group/${id2}`, to)),
        dissolve: (id2) => this.#call("DELETE", `/manage-group/${id2}`).then(() => void 0),
        members: async (id2, after) => pageful(await this.#json("GET", `/manage-group/${id2}/members?limit=100${after ? `&after=${encodeURIComponent(after)}` : ""}`), member),
        put: (id2, user, to) => this.#call("PUT", `/manage-group/${id2}/members/${user}`, to).then(() => void 0),
        remove: (id2, user) => this.#call("DELETE", `/manage-group/${id2}/members/${user}`).then(() => void 0)
      };
    }
    async sync(cursors, limit) {
      const f = await this.#json("POST", "/sync-messages", { cursors: Object.fromEntries(cursors), limit });
      return read(() => ({ pages: f.list("conversations").map(page), removed: f.ids("removed") }));
    }
    async conversations(after) {
      return pageful(await this.#json("GET", `/sync-messages/conversations?limit=100${after ? `&after=${encodeURIComponent(after)}` : ""}`), listed);
    }
    /** history is newest first, below `before`. */
    async history(conversation, before, limit) {
      return pageful(await this.#json("GET", `/sync-messages/${conversation}?before=${before}&limit=${limit}`), message);
    }
    async receipts(conversation, seq) {
      const f = await this.#json("GET", `/sync-messages/${conversation}/receipts?seq=${seq}`);
      return read(() => ({ read: f.whole("read", 0), members: f.whole("members", 0), users: f.has("users") ? f.ids("users") : [] }));
    }
    async recall(conversation, seq) {
      await this.#call("POST", `/push-message/${conversation}/recall`, { seq });
    }
    async #json(method, path, body) {
      const answer = await this.#call(method, path, body);
      return fields(answer);
    }
    async #call(method, path, body) {
      const answer = await this.#once(method, path, body, false);
      if (answer.ok) return answer;
      const fault = await refusal(answer);
      if (fault.status !== 401) throw fault;
      const second = await this.#once(method, path, body, true);
      if (second.ok) return second;
      throw await refusal(second);
    }
    async #once(method, path, body, fresh) {
      const cut = new AbortController();
      const limit = this.#o.clock.after(PATIENCE_MS, () => cut.abort());
      try {
        const token = await this.#o.token(fresh);
        const headers = { Authorization: `Bearer ${token.access}` };
        if (body !== void 0) headers["Content-Type"] = "application/json";
        return await this.#o.fetch(this.#o.base + path, {
          method,
          headers,
          signal: cut.signal,
          cache: "no-store",
          ...body === void 0 ? {} : { body: JSON.stringify(body) }
        });
      } catch (err) {
        if (err instanceof SignedOut) throw new Fault(401, "unauthenticated", "Signed out", 0);
        throw new Fault(0, "unreachable", "The server cannot be reached", 0);
      } finally {
        limit.stop();
      }
    }
  };
  async function fields(answer) {
    try {
      return new Fields(await answer.json());
    } catch {
      throw new Fault(0, "malformed", "The server's answer cannot be read", 0);
    }
  }
  async function refusal(answer) {
    const after = Number(answer.headers.get("Retry-After") ?? "");
    const retryAfterMs = Number.isFinite(after) && after > 0 ? Math.min(after, 3600) * 1e3 : 0;
    let code = "unavailable";
    let detail = "";
    try {
      const f = new Fields(await answer.json());
      code = f.textOr("code", code);
      detail = f.textOr("detail", f.textOr("title", ""));
    } catch {
    }
    return new Fault(answer.status, code, detail, retryAfterMs);
  }
  function read(decode) {
    try {
      return decode();
    } catch (err) {
      if (err instanceof Malformed) throw new Fault(0, "malformed", `The server's answer cannot be read: ${err.message}`, 0);
      throw err;
    }
  }
  function pageful(f, item) {
    return read(() => ({ items: f.list("items").map(item), next: f.has("next") ? cursor(f) : null }));
  }
  function cursor(f) {
    try {
      return f.text("next");
    } catch {
      return String(f.whole("next", 0));
    }
  }
  function page(value) {
    const f = new Fields(value);
    const gap = f.has("gap") ? f.object("gap") : null;
    return {
      conversation: f.id("conversation"),
      kind: f.textOr("kind", ""),
      lastSeq: f.whole("last_seq", 0),
      readSeq: f.whole("read_seq", 0),
      messages: f.list("messages").map(message),
      gap: gap && { from: gap.whole("from", 1), to: gap.whole("to", 1) },
      recalled: f.has("recalled") ? f.list("recalled").filter((seq) => Number.isSafeInteger(seq)) : []
    };
  }
  function listed(value) {
    const f = new Fields(value);
    return {
      conversation: f.id("conversation"),
      kind: f.text("kind"),
      title: f.textOr("title", null),
      peer: f.textOr("peer", null),
      lastSeq: f.whole("last_seq", 0),
      readSeq: f.whole("read_seq", 0),
      activeAt: f.text("active_at"),
      last: f.has("last_message") ? message(f.object("last_message")) : null,
      mutedUntil: f.textOr("muted_until", null)
    };
  }
  function group(f) {
    return read(() => ({ id: f.id("group_id"), title: f.text("title"), open: f.flag("open"), role: f.text("role"), members: f.wholeOr("members", 0, 0) }));
  }
  function member(value) {
    const f = new Fields(value);
    return { user: f.id("user"), role: f.text("role"), mutedUntil: f.textOr("muted_until", null) };
  }

  // client/clock.ts
  var LONGEST = 2 ** 31 - 1;
  var wall = {
    now: () => Date.now(),
    after(ms, call) {
      const id2 = setTimeout(call, Math.min(Math.max(ms, 0), LONGEST));
      return { stop: () => clearTimeout(id2) };
    }
  };

  // client/timeline.ts
  var REORDER_MS = 300;
  var SPREAD_MS = 2e3;
  var MOST_SPREAD_MS = 3e4;
  var HINT_MS = 200;
  var AHEAD = 1e3;
  var SAVED = 200;
  var Timeline = class {
    constructor(o) {
      this.o = o;
    }
    o;
    #cursor = 0;
    #head = 0;
    // a server has said that there is so much
    #messages = [];
    // ascending, not above the cursor
    #gaps = [];
    // ascending, below the cursor, disjoint, without what is in messages
    #ahead = /* @__PURE__ */ new Map();
    #timer = null;
    #due = 0;
    #tries = 0;
    get cursor() {
      return this.#cursor;
    }
    /** head is the last seq that is known to exist. */
    get head() {
      return Math.max(this.#head, this.#cursor, ...this.#ahead.keys());
    }
    get gaps() {
      return this.#gaps;
    }
    /** last is the newest message that can be shown. */
    get last() {
      const ahead = this.#ahead.get(Math.max(...this.#ahead.keys()));
      return ahead ?? this.#messages.at(-1) ?? null;
    }
    get(seq) {
      return this.#ahead.get(seq) ?? this.#messages[this.#search(seq)] ?? null;
    }
    /** above gives what is known beyond a seq, ascending, what waits ahead of the cursor left out. */
    above(seq) {
      const at = this.#messages.findLastIndex((m) => m.seq <= seq);
      return this.#messages.slice(at + 1);
    }
    pieces() {
      const found = [];
      let gap = 0;
      for (const message2 of this.#messages) {
        for (; gap < this.#gaps.length && this.#gaps[gap].from < message2.seq; gap++) found.push({ type: "gap", ...this.#gaps[gap], coming: false });
        found.push({ type: "message", message: message2 });
      }
      for (; gap < this.#gaps.length; gap++) found.push({ type: "gap", ...this.#gaps[gap], coming: false });
      let shown = this.#cursor;
      for (const seq of [...this.#ahead.keys()].sort((a, b) => a - b)) {
        if (seq > shown + 1) found.push({ type: "gap", from: shown + 1, to: seq - 1, coming: true });
        found.push({ type: "message", message: this.#ahead.get(seq) });
        shown = seq;
      }
      return found;
    }
    /** take puts in a message that was pushed, or that a `sent` tells of. False: it was known, or is left to sync. */
    take(message2) {
      const { seq } = message2;
      if (seq <= this.#cursor) {
        if (!this.#carve(seq)) return this.#replace(message2);
        this.#put(message2);
        return true;
      }
      if (this.#ahead.has(seq)) return this.#replace(message2);
      if (seq > this.#cursor + 1) {
        const room = this.#ahead.size < AHEAD;
        if (room) this.#ahead.set(seq, message2);
        this.#head = Math.max(this.#head, seq);
        if (this.#cursor === 0) this.#expect(this.o.random() * HINT_MS);
        else if (!this.#timer) this.#expect(REORDER_MS + this.o.random() * this.#spread());
        return room;
      }
      this.#cursor = seq;
      this.#messages.push(message2);
      this.#drain();
      return true;
    }
    /** hint says that there are messages up to a seq. */
    hint(lastSeq) {
      if (lastSeq <= this.#cursor) return;
      this.#head = Math.max(this.#head, lastSeq);
      this.#expect(this.o.random() * HINT_MS);
    }
    /** synced takes in the page that a sync brought: all that is above the cursor it was asked with, but for the gap. */
    synced(page2) {
      const messages = [...page2.messages].sort((a, b) => a.seq - b.seq);
      for (const seq of page2.recalled) this.recall(seq);
      let missing = 0;
      const first = messages[0]?.seq ?? page2.lastSeq + 1;
      if (page2.gap) this.#gap(Math.max(page2.gap.from, this.#cursor + 1), first - 1);
      for (const message2 of messages) {
        if (missing > 0 && message2.seq > missing) this.#gap(Math.max(missing, this.#cursor + 1), message2.seq - 1);
        missing = message2.seq + 1;
        if (message2.seq <= this.#cursor) {
          this.take(message2);
        } else {
          this.#ahead.delete(message2.seq);
          this.#cursor = message2.seq;
          this.#messages.push(message2);
        }
      }
      if (missing > 0 && missing <= page2.lastSeq) this.#gap(Math.max(missing, this.#cursor + 1), page2.lastSeq);
      this.#cursor = Math.max(this.#cursor, page2.lastSeq);
      this.#drain();
    }
    /**
     * settled says that a sync is done which was asked when head was as given.
     * What it did not bring of that is not there; what still waits ahead is asked
     * for again, less often each time.
     */
    settled(head) {
      if (this.#head <= head) this.#head = this.#cursor;
      if (!this.#lacking()) return;
      this.#tries++;
      this.#expect(REORDER_MS + this.o.random() * this.#spread());
    }
    /** filled takes in a page of history below `before`; last: nothing older can be seen. */
    filled(before, messages, last) {
      const gap = this.#gaps.find((g) => g.from < before && before - 1 <= g.to);
      if (!gap) return;
      let lowest = before;
      for (const message2 of messages) {
        if (message2.seq < gap.from || message2.seq >= before || !this.#carve(message2.seq)) continue;
        this.#put(message2);
        lowest = Math.min(lowest, message2.seq);
      }
      if (last || lowest === before) this.#gaps = this.#gaps.filter((g) => g.to < gap.from || g.from >= lowest);
    }
    /** recall empties a message. */
    recall(seq, at = new Date(this.o.clock.now()).toISOString()) {
      const message2 = this.get(seq);
      if (!message2 || message2.recalledAt !== null) return false;
      return this.#replace({ ...message2, body: {}, recalledAt: at });
    }
    close() {
      this.#timer?.stop();
      this.#timer = null;
    }
    save() {
      const messages = this.#messages.slice(-SAVED);
      const first = messages[0]?.seq ?? 1;
      if (messages.length === this.#messages.length) return { cursor: this.#cursor, messages, gaps: this.#gaps };
      return { cursor: this.#cursor, messages, gaps: [{ from: 1, to: first - 1 }, ...this.#gaps.filter((g) => g.from > first)] };
    }
    restore(saved) {
      this.#cursor = saved.cursor;
      this.#messages = [...saved.messages];
      this.#gaps = [...saved.gaps];
    }
    #lacking() {
      return this.#ahead.size > 0 || this.#head > this.#cursor;
    }
    #spread() {
      return Math.min(MOST_SPREAD_MS, SPREAD_MS * 2 ** this.#tries);
    }
    #expect(ms) {
      const due = this.o.clock.now() + ms;
      if (this.#timer && this.#due <= due) return;
      this.#timer?.stop();
      this.#due = due;
      this.#timer = this.o.clock.after(ms, () => {
        this.#timer = null;
        if (this.#lacking()) this.o.behind();
      });
    }
    /** drain moves what follows the cursor behind it, and stops waiting when nothing is missing. */
    #drain() {
      for (const seq of [...this.#ahead.keys()].sort((a, b) => a - b)) {
        const message2 = this.#ahead.get(seq);
        if (seq > this.#cursor + 1) break;
        this.#ahead.delete(seq);
        if (seq <= this.#cursor) {
          if (this.#carve(seq)) this.#put(message2);
          continue;
        }
        this.#cursor = seq;
        this.#messages.push(message2);
      }
      if (this.#lacking()) return;
      this.#tries = 0;
      this.close();
    }
    #gap(from, to) {
      if (from <= to) this.#gaps.push({ from, to });
    }
    /** carve takes a seq out of the gap that it lies in. */
    #carve(seq) {
      const at = this.#gaps.findIndex((g) => g.from <= seq && seq <= g.to);
      const gap = this.#gaps[at];
      if (!gap) return false;
      const rest = [{ from: gap.from, to: seq - 1 }, { from: seq + 1, to: gap.to }].filter((g) => g.from <= g.to);
      this.#gaps.splice(at, 1, ...rest);
      return true;
    }
    #put(message2) {
      const at = this.#messages.findLastIndex((m) => m.seq < message2.seq);
      this.#messages.splice(at + 1, 0, message2);
    }
    #search(seq) {
      let low = 0;
      let high = this.#messages.length;
      while (low < high) {
        const middle = low + high >> 1;
        if (this.#messages[middle].seq < seq) low = middle + 1;
        else high = middle;
      }
      return this.#messages[low]?.seq === seq ? low : -1;
    }
    /** replace is for a message that is known: only that it was recalled is news. */
    #replace(message2) {
      if (message2.recalledAt === null) return false;
      if (this.#ahead.has(message2.seq)) {
        this.#ahead.set(message2.seq, message2);
        return true;
      }
      const at = this.#search(message2.seq);
      if (at < 0 || this.#messages[at].recalledAt !== null) return false;
      this.#messages[at] = message2;
      return true;
    }
  };

  // client/conversation.ts
  var NOTES = 100;
  var Conversation = class {
    constructor(id2, me, o) {
      this.id = id2;
      this.me = me;
      this.timeline = new Timeline(o);
    }
    id;
    me;
    kind = "";
    title = null;
    peer = null;
    mutedUntil = null;
    timeline;
    receipts = /* @__PURE__ */ new Map();
    notes = [];
    #activeAt = "";
    #readSeq = 0;
    // here
    #confirmed = 0;
    // as the server has said
    #listed = null;
    #saved = null;
    get readSeq() {
      return this.#readSeq;
    }
    /** unconfirmed: the server may not have heard how far was read. */
    get unconfirmed() {
      return this.#readSeq > this.#confirmed;
    }
    /** last is the newest message known, also where only the list has told of it. */
    get last() {
      const shown = this.timeline.last;
      return this.#listed && this.#listed.seq > (shown?.seq ?? 0) ? this.#listed : shown;
    }
    get activeAt() {
      const sent = this.timeline.last?.sentAt ?? "";
      return sent > this.#activeAt ? sent : this.#activeAt;
    }
    /** unread counts others' messages beyond the read mark; more: there are some that are not loaded. */
    unread() {
      const count = this.timeline.above(this.#readSeq).filter((m) => m.from !== this.me).length;
      return { count, more: this.timeline.gaps.some((g) => g.to > this.#readSeq) };
    }
    /** touch says that what is kept of it is no longer so. */
    touch() {
      this.#saved = null;
    }
    /** read moves the mark forward, at most to what was shown. False: it was there. */
    read(seq) {
      const to = Math.min(seq, this.timeline.cursor);
      if (to <= this.#readSeq) return false;
      this.#readSeq = to;
      this.touch();
      return true;
    }
    /** confirmed is the server's word on how far this user has read, on whatever device. */
    confirm(seq) {
      this.#confirmed = Math.max(this.#confirmed, seq);
      if (seq <= this.#readSeq) return false;
      this.#readSeq = seq;
      this.touch();
      return true;
    }
    /** receipt says that somebody else has read so far. False: it was known. */
    receipt(user, seq) {
      if (seq <= (this.receipts.get(user) ?? 0)) return false;
      this.receipts.set(user, seq);
      this.touch();
      return true;
    }
    /** note keeps what happened, once. */
    note(change2) {
      const twin = JSON.stringify(change2);
      if (this.notes.some((n) => JSON.stringify(n.change) === twin)) return false;
      this.notes.push({ after: Math.max(change2.seq, this.timeline.cursor), change: change2 });
      if (this.notes.length > NOTES) this.notes.shift();
      return true;
    }
    /** recall empties a message, wherever it is shown. */
    recall(seq) {
      const before = this.#listed;
      if (before?.seq === seq) this.#listed = { ...before, body: {}, recalledAt: before.recalledAt ?? before.sentAt };
      this.touch();
      return this.timeline.recall(seq) || this.#listed !== before;
    }
    listed(l) {
      this.kind = l.kind;
      this.title = l.title;
      this.peer = l.peer;
      this.mutedUntil = l.mutedUntil;
      if (l.activeAt > this.#activeAt) this.#activeAt = l.activeAt;
      this.#listed = l.last;
      this.confirm(l.readSeq);
      this.timeline.hint(l.lastSeq);
      this.touch();
    }
    synced(page2) {
      if (page2.kind) this.kind = page2.kind;
      this.timeline.synced(page2);
      this.confirm(page2.readSeq);
      this.touch();
    }
    save() {
      return this.#saved ??= {
        id: this.id,
        kind: this.kind,
        title: this.title,
        peer: this.peer,
        activeAt: this.activeAt,
        readSeq: this.#readSeq,
        receipts: [...this.receipts],
        ...this.timeline.save()
      };
    }
    restore(saved) {
      this.kind = saved.kind;
      this.title = saved.title;
      this.peer = saved.peer;
      this.#activeAt = saved.activeAt;
      this.#readSeq = saved.readSeq;
      for (const [user, seq] of saved.receipts) this.receipts.set(user, seq);
      this.timeline.restore(saved);
      this.#saved = saved;
    }
  };

  // client/directory.ts
  var Directory = class {
    constructor(me, o) {
      this.me = me;
      this.o = o;
    }
    me;
    o;
    #conversations = /* @__PURE__ */ new Map();
    #peers = /* @__PURE__ */ new Map();
    all() {
      return this.#conversations.values();
    }
    get(id2) {
      return this.#conversations.get(id2);
    }
    /** open gives a conversation, one that nothing is known of when it is new. */
    open(id2) {
      const known = this.#conversations.get(id2);
      if (known) return known;
      const c = new Conversation(id2, this.me, this.o);
      this.#conversations.set(id2, c);
      return c;
    }
    /** lane is the name of a target's conversation, `@user` before it is known. */
    lane(target) {
      return "user" in target ? this.#peers.get(target.user) ?? `@${target.user}` : target.conversation;
    }
    /** meet learns which conversation is the direct one with a user. False: that was known. */
    meet(user, conversation) {
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
    remove(id2) {
      const c = this.#conversations.get(id2);
      if (!c) return false;
      c.timeline.close();
      this.#conversations.delete(id2);
      if (c.peer !== null) this.#peers.delete(c.peer);
      return true;
    }
  };

  // client/backoff.ts
  var Backoff = class {
    /** All times are milliseconds. */
    constructor(random, first, most) {
      this.random = random;
      this.first = first;
      this.most = most;
    }
    random;
    first;
    most;
    #tries = 0;
    /** next is evenly spread over 0 … min(most, first · 2^tries). */
    next() {
      const ceiling = Math.min(this.most, this.first * 2 ** this.#tries);
      if (ceiling < this.most) this.#tries++;
      return this.random() * ceiling;
    }
    reset() {
      this.#tries = 0;
    }
  };
  function pause(random, tries, first, most) {
    const whole = Math.min(most, first * 2 ** Math.max(tries - 1, 0));
    return whole / 2 + random() * whole / 2;
  }

  // client/errand.ts
  var Errand = class {
    constructor(clock2, random, ask2) {
      this.clock = clock2;
      this.random = random;
      this.ask = ask2;
      this.#backoff = new Backoff(random, 500, 3e4);
    }
    clock;
    random;
    ask;
    #timer = null;
    #due = 0;
    #notBefore = 0;
    // a server's word is kept even when somebody wants it sooner
    #running = false;
    #again = false;
    #allowed = false;
    #turn = 0;
    #backoff;
    /** allow lets wishes be carried out, from now on. */
    allow() {
      this.#allowed = true;
    }
    /** halt drops what is planned. An answer under way still counts. */
    halt() {
      this.#allowed = false;
      this.#again = false;
      this.#turn++;
      this.#running = false;
      this.#timer?.stop();
      this.#timer = null;
    }
    /** want plans it at most ms from now. */
    want(ms) {
      if (!this.#allowed) return;
      if (this.#running) {
        this.#again = true;
        return;
      }
      const due = Math.max(this.clock.now() + ms, this.#notBefore);
      if (this.#timer && this.#due <= due) return;
      this.#plan(due);
    }
    #plan(due) {
      this.#timer?.stop();
      this.#due = due;
      this.#timer = this.clock.after(due - this.clock.now(), () => {
        this.#timer = null;
        void this.#run();
      });
    }
    async #run() {
      const turn = this.#turn;
      this.#running = true;
      this.#again = false;
      let wait = -1;
      try {
        await this.ask();
        this.#backoff.reset();
      } catch (err) {
        if (!(err instanceof Fault)) throw err;
        wait = Math.max(this.#backoff.next(), err.retryAfterMs > 0 ? err.retryAfterMs + this.random() * 1e3 : 0);
      } finally {
        if (turn === this.#turn) this.#running = false;
      }
      if (turn !== this.#turn) return;
      if (wait >= 0) {
        this.#notBefore = this.clock.now() + wait;
        this.#plan(this.#notBefore);
      } else if (this.#again) this.want(this.random() * 200);
    }
  };

  // client/events.ts
  var Bell = class {
    #hearers = /* @__PURE__ */ new Map();
    /** on calls hear each time, until what it returns is called. */
    on(what, hear) {
      const hearers = this.#hearers.get(what) ?? /* @__PURE__ */ new Set();
      this.#hearers.set(what, hearers.add(hear));
      return () => void hearers.delete(hear);
    }
    tell(what, told) {
      for (const hear of this.#hearers.get(what) ?? []) hear(told);
    }
  };

  // client/link.ts
  var STEP_MS = 15e3;
  var HEARTBEAT_MS = 25e3;
  var LATE_MS = 1e4;
  var STEADY_MS = 3e4;
  var PROBE_MS = 5e3;
  var BYE_MOST_MS = 6e4;
  var REFRESH_LEAST_MS = 5e3;
  var Link = class {
    // of refreshing
    constructor(o) {
      this.o = o;
      this.#away = new Backoff(o.random, 500, 3e4);
      this.#again = new Backoff(o.random, 2e3, 3e4);
    }
    o;
    #state = { name: "idle" };
    #socket = null;
    #turn = 0;
    // what belongs to an earlier one is not listened to
    #address = 0;
    #fresh = "no";
    // the one fresh token after a refused one
    #quick = true;
    // one return without a pause, until ready has been steady again
    #bye = null;
    #heartbeat = HEARTBEAT_MS;
    #step = null;
    // the present step takes too long, or its pause is over
    #life = null;
    #steady = null;
    #refresh = null;
    #away;
    #again;
    get state() {
      return this.#state;
    }
    /** start connects, also after stop and after it stopped by itself. */
    start() {
      if (this.#state.name !== "idle" && this.#state.name !== "stopped") return;
      this.#fresh = "no";
      this.#quick = true;
      this.#away.reset();
      this.#connect();
    }
    /** stop leaves and stays away. */
    stop() {
      if (this.#state.name === "idle") return;
      this.#leave(1e3);
      this.#enter({ name: "idle" });
    }
    /** wake is for when the world seems to be back: a pause ends, and an open connection has to show that it lives. */
    wake() {
      if (this.#state.name === "waiting") {
        this.#connect();
      } else if (this.#state.name === "ready") {
        this.send(say.ping());
        this.#live(PROBE_MS);
      }
    }
    /** send hands a line to a ready connection. false: there is none; true says nothing about arrival. */
    send(line2) {
      if (this.#state.name !== "ready" || !this.#socket) return false;
      return this.#write(line2);
    }
    #enter(state) {
      this.#state = state;
      this.o.state(state);
    }
    #connect() {
      const turn = this.#renew();
      this.#limit(turn);
      this.#enter({ name: "connecting" });
      if (turn !== this.#turn) return;
      const fresh = this.#fresh === "wanted";
      this.o.token(fresh).then(
        (token) => {
          if (turn !== this.#turn) return;
          if (fresh) this.#fresh = "used";
          this.#open(turn, token);
        },
        (err) => {
          if (turn !== this.#turn) return;
          if (err instanceof SignedOut) this.#end({ reason: "signed-out", code: 0 });
          else this.#pause(this.#away.next());
        }
      );
    }
    #open(turn, token) {
      const obtained = this.o.clock.now();
      const address = this.o.sockets[this.#address % this.o.sockets.length] ?? "";
      this.#address++;
      let socket;
      try {
        socket = this.o.socket(address);
      } catch {
        this.#pause(this.#away.next());
        return;
      }
      this.#socket = socket;
      this.#limit(turn);
      socket.onopen = () => {
        if (turn !== this.#turn || this.#state.name !== "connecting") return;
        this.#limit(turn);
        this.#live(this.#heartbeat + LATE_MS);
        this.#enter({ name: "greeting" });
        if (turn === this.#turn) this.#write(say.auth(token.access, this.o.device));
      };
      socket.onmessage = (event) => {
        if (turn === this.#turn) this.#hear(turn, event.data, token, obtained);
      };
      socket.onclose = (event) => {
        if (turn === this.#turn) this.#closed(event.code);
      };
      socket.onerror = null;
    }
    #write(line2) {
      try {
        this.#socket?.send(line2);
        return true;
      } catch {
        return false;
      }
    }
    #hear(turn, data, token, obtained) {
      this.#live(this.#heartbeat + LATE_MS);
      if (typeof data !== "string") return;
      for (const line2 of lines(data)) {
        if (turn !== this.#turn) return;
        this.#take(turn, line2, token, obtained);
      }
    }
    #take(turn, line2, token, obtained) {
      switch (line2.t) {
        case "hello":
          this.#heartbeat = Math.min(Math.max(line2.heartbeatMs, 1e3), 3e5);
          this.#live(this.#heartbeat + LATE_MS);
          break;
        case "ready":
          if (line2.user !== this.o.user) {
            this.#leave(1e3);
            this.#end({ reason: "signed-out", code: 0 });
            return;
          }
          this.#ready(turn, token, obtained);
          break;
        case "ping":
          this.#write(say.pong());
          break;
        case "bye": {
          const after = Math.min(line2.afterMs, BYE_MOST_MS);
          this.#bye = { code: line2.code, at: this.o.clock.now() + after };
          this.#step?.stop();
          this.#step = this.o.clock.after(after + PROBE_MS, () => this.#lost(turn));
          break;
        }
        case "error":
          if (line2.code === "invalid_token") this.#plan(turn, this.#again.next());
          break;
        default:
      }
      if (turn === this.#turn) this.o.line(line2);
    }
    #ready(turn, token, obtained) {
      if (this.#state.name === "ready") return;
      this.#step?.stop();
      this.#fresh = "no";
      this.#again.reset();
      this.#steady = this.o.clock.after(STEADY_MS, () => {
        this.#away.reset();
        this.#quick = true;
      });
      this.#plan(turn, worn(token) - (this.o.clock.now() - obtained));
      this.#enter({ name: "ready" });
    }
    /** plan replaces the token of an open connection after ms. */
    #plan(turn, ms) {
      this.#refresh?.stop();
      this.#refresh = this.o.clock.after(Math.max(ms, REFRESH_LEAST_MS), () => {
        this.o.token(true).then(
          (token) => {
            if (turn !== this.#turn) return;
            this.#write(say.token(token.access));
            this.#plan(turn, worn(token));
          },
          (err) => {
            if (turn !== this.#turn) return;
            if (!(err instanceof SignedOut)) return this.#plan(turn, this.#again.next());
            this.#leave(1e3);
            this.#end({ reason: "signed-out", code: 0 });
          }
        );
      });
    }
    #closed(code) {
      const bye = this.#bye;
      if (bye && code < 4e3) code = bye.code;
      this.#renew();
      if (code === 4201 || code === 4202) {
        if (this.#fresh === "used") return this.#end({ reason: "signed-out", code });
        this.#fresh = "wanted";
        return this.#pause(this.#unhurried(0));
      }
      if (code >= 4200 && code < 4400) return this.#end({ reason: code === 4203 ? "replaced" : "refused", code });
      this.#pause(bye ? this.#unhurried(Math.max(bye.at - this.o.clock.now(), 0)) : this.#away.next());
    }
    /** unhurried is ms the first time, and at least the back-off afterwards: a server that turns everybody away at once is not asked in a circle. */
    #unhurried(ms) {
      const wait = this.#quick ? ms : Math.max(ms, this.#away.next());
      this.#quick = false;
      return wait;
    }
    /** lost is for a connection that nobody has closed. */
    #lost(turn) {
      if (turn !== this.#turn) return;
      const bye = this.#bye;
      this.#leave(4e3);
      if (bye) {
        this.#bye = bye;
        this.#closed(1006);
      } else {
        this.#pause(this.#away.next());
      }
    }
    #pause(ms) {
      this.#renew();
      const turn = this.#turn;
      this.#step = this.o.clock.after(ms, () => {
        if (turn === this.#turn) this.#connect();
      });
      this.#enter({ name: "waiting", until: this.o.clock.now() + ms });
    }
    #end(why) {
      this.#renew();
      this.#enter({ name: "stopped", why });
    }
    #leave(code) {
      const socket = this.#socket;
      this.#renew();
      try {
        socket?.close(code);
      } catch {
      }
    }
    /** renew forgets the connection, so that nothing of it is heard any more. */
    #renew() {
      for (const timer of [this.#step, this.#life, this.#steady, this.#refresh]) timer?.stop();
      this.#step = this.#life = this.#steady = this.#refresh = null;
      this.#socket = null;
      this.#bye = null;
      this.#heartbeat = HEARTBEAT_MS;
      return ++this.#turn;
    }
    #limit(turn) {
      this.#step?.stop();
      this.#step = this.o.clock.after(STEP_MS, () => this.#lost(turn));
    }
    #live(ms) {
      const turn = this.#turn;
      this.#life?.stop();
      this.#life = this.o.clock.after(ms, () => this.#lost(turn));
    }
  };
  function worn(token) {
    return 0.8 * token.expiresIn * 1e3;
  }

  // client/outbox.ts
  var ANSWER_MS = 15e3;
  var FIRST_MS = 1e3;
  var MOST_MS = 3e4;
  var IN_FLIGHT = 16;
  var Outbox = class {
    constructor(o) {
      this.o = o;
    }
    o;
    #items = [];
    #patience = /* @__PURE__ */ new Map();
    #timer = null;
    #up = false;
    /** items are all that is not sent, in order. */
    items() {
      return this.#items;
    }
    kept() {
      return this.#items.map(({ clientMsgId, target, kind, body, at, state, code }) => ({ clientMsgId, target, kind, body, at, failed: state === "failed" ? code ?? "" : null }));
    }
    /** restore puts what was kept before what has been added since. */
    restore(kept2) {
      const items = kept2.map(({ failed, ...item }) => ({ ...item, state: failed === null ? "waiting" : "failed", code: failed, tries: 0, due: 0 }));
      this.#items.unshift(...items.filter((item) => !this.#find(item.clientMsgId)));
      this.#pump();
    }
    add(clientMsgId, target, kind, body) {
      const item = { clientMsgId, target, kind, body, at: this.o.clock.now(), state: "draft", code: null, tries: 0, due: 0 };
      this.#items.push(item);
      this.o.changed(item);
      const next = () => {
        if (item.state !== "draft") return;
        this.#set(item, "waiting", null);
        this.#pump();
      };
      this.o.save().then(next, next);
      return item;
    }
    /** up says that there is a ready link. */
    up() {
      this.#up = true;
      this.#pump();
    }
    /** down says that it is lost. What was under way may have arrived or not: it is sent again. */
    down() {
      this.#up = false;
      for (const item of this.#items) {
        if (item.state !== "sending") continue;
        item.due = 0;
        this.#set(item, "waiting", null);
      }
    }
    /** sent settles an item: it is stored. Null for one that is not here, or was sent elsewhere. */
    sent(clientMsgId, conversation) {
      const item = this.#find(clientMsgId);
      if (!item || "conversation" in item.target && item.target.conversation !== conversation) return null;
      this.#items.splice(this.#items.indexOf(item), 1);
      this.#set(item, "sent", null);
      void this.o.save().catch(() => void 0);
      this.#pump();
      return item;
    }
    refused(clientMsgId, code, retryable, afterMs) {
      const item = this.#find(clientMsgId);
      if (!item || item.state !== "sending") return;
      if (retryable) return this.#putOff(item, code, afterMs);
      this.#set(item, "failed", code);
      void this.o.save().catch(() => void 0);
      this.#pump();
    }
    /** retry sends what failed once more, behind what waits. */
    retry(clientMsgId) {
      const item = this.#find(clientMsgId);
      if (!item || item.state !== "failed") return;
      this.#items.splice(this.#items.indexOf(item), 1);
      this.#items.push(item);
      item.tries = 0;
      item.due = 0;
      this.#set(item, "waiting", null);
      void this.o.save().catch(() => void 0);
      this.#pump();
    }
    /** discard forgets what failed. */
    discard(clientMsgId) {
      const item = this.#find(clientMsgId);
      if (!item || item.state !== "failed") return;
      this.#items.splice(this.#items.indexOf(item), 1);
      void this.o.save().catch(() => void 0);
      this.o.changed(item);
    }
    #find(clientMsgId) {
      return this.#items.find((item) => item.clientMsgId === clientMsgId);
    }
    #set(item, state, code) {
      item.state = state;
      item.code = code;
      if (state !== "sending") {
        this.#patience.get(item)?.stop();
        this.#patience.delete(item);
      }
      this.o.changed(item);
    }
    #putOff(item, code, afterMs) {
      const wait = Math.max(pause(this.o.random, item.tries, FIRST_MS, MOST_MS), afterMs);
      item.due = this.o.clock.now() + wait;
      this.#set(item, "waiting", code);
      this.#pump();
    }
    /** pump sends the first of each conversation that may go, and wakes for the next that must wait. */
    #pump() {
      this.#timer?.stop();
      this.#timer = null;
      if (!this.#up) return;
      const taken = /* @__PURE__ */ new Set();
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
    #send(item) {
      if (!this.o.send(item)) return;
      item.tries++;
      this.#set(item, "sending", null);
      this.#patience.set(
        item,
        this.o.clock.after(ANSWER_MS, () => {
          if (item.state === "sending") this.#putOff(item, "no_answer", 0);
        })
      );
    }
  };

  // client/store.ts
  var VERSION = 1;
  var LocalStore = class {
    constructor(shelf) {
      this.shelf = shelf;
    }
    shelf;
    #written = /* @__PURE__ */ new Map();
    async load(user) {
      const outbox = this.#read(`${prefix(user)}outbox`);
      const conversations = [];
      for (const key of this.#keys(user)) {
        const found = this.#read(key);
        if (key.includes("/c/") && isConversation(found)) conversations.push(found);
      }
      return { outbox: Array.isArray(outbox) ? outbox.filter(isKept) : [], conversations };
    }
    async save(user, saved) {
      if (saved.outbox.length > 0 || this.#written.has(`${prefix(user)}outbox`)) this.#write(user, `${prefix(user)}outbox`, saved.outbox);
      const now = /* @__PURE__ */ new Set();
      for (const conversation of saved.conversations) {
        const key = `${prefix(user)}c/${conversation.id}`;
        now.add(key);
        if (this.#written.get(key) !== conversation) this.#write(user, key, conversation);
      }
      for (const key of this.#keys(user)) {
        if (key.includes("/c/") && !now.has(key)) this.#remove(key);
      }
    }
    /** forget leaves nothing of a user behind. */
    forget(user) {
      for (const key of this.#keys(user)) this.#remove(key);
    }
    #write(user, key, value) {
      const text = JSON.stringify({ v: VERSION, value });
      try {
        this.shelf.setItem(key, text);
      } catch (err) {
        if (!key.endsWith("/outbox")) return this.#remove(key);
        for (const other of this.#keys(user)) if (other !== key) this.#remove(other);
        try {
          this.shelf.setItem(key, text);
        } catch {
          throw err;
        }
      }
      this.#written.set(key, value);
    }
    #remove(key) {
      this.shelf.removeItem(key);
      this.#written.delete(key);
    }
    #read(key) {
      try {
        const found = JSON.parse(this.shelf.getItem(key) ?? "null");
        if (typeof found !== "object" || found === null || !("v" in found) || found.v !== VERSION || !("value" in found)) return null;
        this.#written.set(key, found.value);
        return found.value;
      } catch {
        return null;
      }
    }
    #keys(user) {
      const keys = [];
      for (let i = 0; i < this.shelf.length; i++) {
        const key = this.shelf.key(i);
        if (key?.startsWith(prefix(user))) keys.push(key);
      }
      return keys;
    }
  };
  function prefix(user) {
    return `bazaar/${user}/`;
  }
  function isKept(value) {
    const v = value;
    return typeof v === "object" && v !== null && typeof v.clientMsgId === "string" && typeof v.target === "object" && typeof v.kind === "string" && typeof v.body === "object";
  }
  function isConversation(value) {
    const v = value;
    return typeof v === "object" && v !== null && typeof v.id === "string" && typeof v.cursor === "number" && Array.isArray(v.messages) && Array.isArray(v.gaps) && Array.isArray(v.receipts);
  }

  // client/view.ts
  function summaries(conversations, pending, lane) {
    const found = /* @__PURE__ */ new Map();
    for (const c of conversations) {
      const { count, more } = c.unread();
      const { id: id2, kind, title, peer, activeAt, last, readSeq, mutedUntil } = c;
      found.set(id2, { id: id2, kind, title, peer, activeAt, last, unread: count, more, readSeq, cursor: c.timeline.cursor, mutedUntil, waiting: null });
    }
    for (const waiting of pending) {
      const id2 = lane(waiting.target);
      const at = new Date(waiting.at).toISOString();
      const known = found.get(id2);
      if (known) found.set(id2, { ...known, activeAt: known.activeAt > at ? known.activeAt : at, waiting });
      else if (id2.startsWith("@")) found.set(id2, { id: id2, kind: "direct", title: null, peer: id2.slice(1), activeAt: at, last: null, unread: 0, more: false, readSeq: 0, cursor: 0, mutedUntil: null, waiting });
    }
    return [...found.values()].sort((a, b) => a.activeAt === b.activeAt ? a.id < b.id ? -1 : 1 : a.activeAt < b.activeAt ? 1 : -1);
  }
  function entries(c, pending) {
    const found = [];
    const notes = [...c?.notes ?? []];
    for (const piece of c?.timeline.pieces() ?? []) {
      const from = piece.type === "message" ? piece.message.seq : piece.from;
      while (notes[0] && notes[0].after < from) found.push({ type: "note", ...notes.shift() });
      found.push(piece);
    }
    for (const note of notes) found.push({ type: "note", ...note });
    for (const p of pending) found.push({ type: "pending", pending: p });
    return found;
  }

  // client/client.ts
  var PAGE = 50;
  var NAMED = 1e3;
  var LISTS = 10;
  var WATCHED = 100;
  var TYPING_MS = 3e3;
  var SAVE_MS = 200;
  var Client = class {
    groups;
    #o;
    #clock;
    #random;
    #store;
    #api;
    #link;
    #outbox;
    #sync;
    #list;
    #known;
    #typed = /* @__PURE__ */ new Map();
    #bell = new Bell();
    #watched = [];
    #loaded = null;
    #saving = null;
    #wanted = false;
    // start was said and stop was not
    #closed = false;
    constructor(o) {
      this.#o = o;
      this.#clock = o.clock ?? wall;
      this.#random = o.random ?? Math.random;
      this.#store = o.store ?? new LocalStore(localStorage);
      const clock2 = this.#clock;
      const random = this.#random;
      this.#api = new Api({ base: o.api, clock: clock2, token: (fresh) => o.token(fresh), fetch: o.fetch ?? ((url, init) => fetch(url, init)) });
      this.groups = this.#api.groups;
      this.#link = new Link({
        sockets: o.sockets,
        user: o.user,
        device: o.device,
        clock: clock2,
        random,
        token: (fresh) => o.token(fresh),
        socket: o.socket ?? ((url) => new WebSocket(url, PROTOCOL)),
        state: (state) => this.#turned(state),
        line: (line2) => this.#heard(line2)
      });
      this.#outbox = new Outbox({
        clock: clock2,
        random,
        lane: (target) => this.#known.lane(target),
        send: (item) => this.#link.send(say.send(item.clientMsgId, item.target, item.kind, item.body)),
        save: () => this.#save(),
        changed: (item) => {
          this.#bell.tell("entry", this.#known.lane(item.target));
          this.#bell.tell("conversation", this.#known.lane(item.target));
        }
      });
      this.#known = new Directory(o.user, { clock: clock2, random, behind: () => this.#sync.want(0) });
      this.#sync = new Errand(clock2, random, () => this.#synchronize());
      this.#list = new Errand(clock2, random, () => this.#listAll());
    }
    get state() {
      return this.#link.state;
    }
    /** start brings back what was kept, and connects. */
    start() {
      this.#wanted = true;
      void this.open().then(() => {
        if (this.#wanted) this.#link.start();
      });
    }
    /** open brings back what was kept, without connecting. */
    open() {
      return this.#loaded ??= this.#load();
    }
    /** stop goes offline; what is sent meanwhile is kept. */
    stop() {
      this.#wanted = false;
      this.#link.stop();
    }
    /** close is a stop for good: nothing is kept from now on, so that a store can be emptied. */
    close() {
      this.stop();
      this.#closed = true;
    }
    /** wake ends a pause at once. */
    wake() {
      this.#link.wake();
    }
    /** on calls hear at each such event, until what it returns is called. */
    on(what, hear) {
      return this.#bell.on(what, hear);
    }
    /** send keeps a message and sends it when it can. */
    send(to, kind, body) {
      return this.#outbox.add((this.#o.newId ?? newId)(), to, kind, body);
    }
    /** retry sends once more what failed for good; discard forgets it. */
    retry(p) {
      this.#outbox.retry(p.clientMsgId);
    }
    discard(p) {
      this.#outbox.discard(p.clientMsgId);
    }
    /** unsent counts what no server has yet. */
    unsent() {
      return this.#outbox.items().length;
    }
    /** direct is the name under which a user is written to: the conversation, or `@user` before there is one. */
    direct(user) {
      return this.#known.lane({ user });
    }
    /** conversations are the newest first. */
    conversations() {
      return summaries(this.#known.all(), this.#outbox.items(), (target) => this.#known.lane(target));
    }
    timeline(id2) {
      const pending = this.#outbox.items().filter((item) => this.#known.lane(item.target) === id2);
      return entries(this.#known.get(id2), pending);
    }
    /** receiptsOf says how far others have read, as far as this client has heard. */
    receiptsOf(id2) {
      return this.#known.get(id2)?.receipts ?? /* @__PURE__ */ new Map();
    }
    /** older loads the newest page of a gap: of the one that ends at to, or of the newest one. Throws Fault. */
    async older(id2, to) {
      const timeline = this.#known.get(id2)?.timeline;
      const gap = timeline?.gaps.findLast((g) => to === void 0 || g.to === to);
      if (!timeline || !gap) return;
      const page2 = await this.#api.history(id2, gap.to + 1, PAGE);
      timeline.filled(gap.to + 1, page2.items, page2.next === null);
      this.#changed(id2);
    }
    /** read says that everything up to seq was shown to the person. */
    read(id2, seq) {
      const c = this.#known.get(id2);
      if (!c?.read(seq)) return;
      this.#link.send(say.read(id2, c.readSeq));
      this.#bell.tell("conversation", id2);
      this.#saveSoon();
    }
    /** typing tells the others, at most every few seconds. */
    typing(id2) {
      const now = this.#clock.now();
      if (!this.#known.get(id2) || now - (this.#typed.get(id2) ?? -Infinity) < TYPING_MS) return;
      if (this.#link.send(say.typing(id2))) this.#typed.set(id2, now);
    }
    /** watch asks for the presence of these users, and of none but the first hundred. */
    watch(users) {
      const wanted = users.slice(0, WATCHED);
      if (wanted.join() === this.#watched.join()) return;
      this.#watched = wanted;
      this.#link.send(say.presence(wanted));
    }
    /** recall takes a message back. Throws Fault. */
    async recall(id2, seq) {
      await this.#api.recall(id2, seq);
      this.#known.get(id2)?.recall(seq);
      this.#changed(id2);
    }
    /** receipts asks who has read a message. Throws Fault. */
    async receipts(id2, seq) {
      const receipts = await this.#api.receipts(id2, seq);
      for (const user of receipts.users) this.#receipt(id2, user, seq);
      return receipts;
    }
    /** refresh asks for the list of conversations again. */
    refresh() {
      this.#list.want(0);
    }
    #turned(state) {
      if (state.name === "ready") {
        this.#sync.allow();
        this.#list.allow();
        this.#sync.want(this.#random() * 200);
        this.#list.want(0);
        if (this.#watched.length > 0) this.#link.send(say.presence(this.#watched));
        this.#outbox.up();
      } else {
        this.#sync.halt();
        this.#list.halt();
        this.#outbox.down();
      }
      this.#bell.tell("state", state);
      if (state.name === "stopped") this.#bell.tell("stopped", state.why);
    }
    #heard(line2) {
      switch (line2.t) {
        case "ready":
        case "ping":
          for (const [id2, head] of line2.heads) this.#known.open(id2).timeline.hint(head);
          break;
        case "hint": {
          const c = this.#known.open(line2.conversation);
          c.timeline.hint(line2.lastSeq);
          if (c.kind === "") this.#list.want(this.#random() * 200);
          break;
        }
        case "message":
          this.#take(line2.message);
          break;
        case "sent": {
          const item = this.#arrived(line2.clientMsgId, line2.conversation);
          if (item) this.#take({ conversation: line2.conversation, seq: line2.seq, id: line2.messageId, clientMsgId: item.clientMsgId, from: this.#o.user, sentAt: line2.sentAt, kind: item.kind, body: item.body, recalledAt: null });
          break;
        }
        case "refused":
          this.#outbox.refused(line2.clientMsgId, line2.code, line2.retryable, line2.retryAfterMs);
          break;
        case "error":
          if (line2.code === "rate_limited") this.#outbox.refused(line2.ref, line2.code, true, 1e3);
          break;
        case "event":
          this.#happened(line2.change);
          break;
        case "typing":
          if (line2.user !== this.#o.user) this.#bell.tell("typing", { conversation: line2.conversation, user: line2.user });
          break;
        case "presence":
          this.#bell.tell("presence", { user: line2.user, online: line2.online, lastActive: line2.lastActive });
          break;
        default:
      }
    }
    #happened(change2) {
      const id2 = change2.conversation;
      const known = this.#known.get(id2);
      switch (change2.kind) {
        case "read":
          if (change2.user !== this.#o.user) this.#receipt(id2, change2.user, change2.seq);
          else if (known?.confirm(change2.seq)) this.#changed(id2);
          return;
        case "recall":
          if (known?.recall(change2.seq)) this.#changed(id2);
          return;
        case "group":
          if (change2.dissolved) return this.#remove(id2);
          if (change2.title !== null && known) known.title = change2.title;
          break;
        case "member":
          if (change2.user === this.#o.user && (change2.change === "left" || change2.change === "removed")) return this.#remove(id2);
          if (change2.user === this.#o.user) this.#list.want(0);
          this.#bell.tell("member", id2);
          break;
      }
      const c = this.#known.open(id2);
      if (c.kind === "") this.#list.want(0);
      if (c.note(change2)) this.#changed(id2);
    }
    /** arrived takes out of the outbox what is known to be stored. */
    #arrived(clientMsgId, conversation) {
      const item = this.#outbox.sent(clientMsgId, conversation);
      if (item) this.#meet(item.target, conversation);
      return item;
    }
    #take(message2) {
      if (message2.from === this.#o.user) this.#arrived(message2.clientMsgId, message2.conversation);
      const c = this.#known.open(message2.conversation);
      const known = c.kind !== "";
      if (!c.timeline.take(message2)) return;
      if (!known) this.#list.want(this.#random() * 200);
      c.touch();
      this.#changed(message2.conversation);
    }
    async #synchronize() {
      const cursors = /* @__PURE__ */ new Map();
      const heads = /* @__PURE__ */ new Map();
      for (const { id: id2 } of this.conversations()) {
        const c = this.#known.get(id2);
        if (!c) continue;
        if (cursors.size < NAMED) cursors.set(id2, c.timeline.cursor);
        heads.set(id2, c.timeline.head);
      }
      const answer = await this.#api.sync(cursors, PAGE);
      for (const page2 of answer.pages) {
        for (const m of page2.messages) if (m.from === this.#o.user) this.#arrived(m.clientMsgId, m.conversation);
        const c = this.#known.open(page2.conversation);
        if (c.title === null && c.peer === null) this.#list.want(0);
        c.synced(page2);
        this.#changed(page2.conversation);
      }
      for (const [id2, head] of heads) this.#known.get(id2)?.timeline.settled(head);
      for (const id2 of answer.removed) this.#remove(id2);
    }
    async #listAll() {
      let after = null;
      for (let n = 0; n < LISTS; n++) {
        const page2 = await this.#api.conversations(after);
        for (const listed2 of page2.items) {
          const c = this.#known.open(listed2.conversation);
          c.listed(listed2);
          if (listed2.peer !== null) this.#meet({ user: listed2.peer }, c.id);
          this.#changed(c.id);
        }
        after = page2.next;
        if (after === null) break;
      }
      for (const c of this.#known.all()) if (c.unconfirmed) this.#link.send(say.read(c.id, c.readSeq));
    }
    #receipt(id2, user, seq) {
      if (this.#known.get(id2)?.receipt(user, seq)) this.#bell.tell("receipt", { conversation: id2, user, seq });
    }
    #remove(id2) {
      if (!this.#known.remove(id2)) return;
      this.#bell.tell("removed", id2);
      this.#saveSoon();
    }
    #meet(target, conversation) {
      if (!("user" in target) || !this.#known.meet(target.user, conversation)) return;
      this.#bell.tell("opened", { from: `@${target.user}`, conversation });
    }
    #changed(id2) {
      this.#known.get(id2)?.touch();
      this.#bell.tell("entry", id2);
      this.#bell.tell("conversation", id2);
      this.#saveSoon();
    }
    async #load() {
      const saved = await this.#store.load(this.#o.user).catch(() => null);
      for (const kept2 of saved?.conversations ?? []) {
        this.#known.open(kept2.id).restore(kept2);
        if (kept2.peer !== null) this.#known.meet(kept2.peer, kept2.id);
        this.#bell.tell("conversation", kept2.id);
      }
      this.#outbox.restore(saved?.outbox ?? []);
      for (const item of this.#outbox.items()) this.#bell.tell("entry", this.#known.lane(item.target));
    }
    #saveSoon() {
      this.#saving ??= this.#clock.after(SAVE_MS, () => void this.#save().catch(() => void 0));
    }
    async #save() {
      await this.open();
      this.#saving?.stop();
      this.#saving = null;
      if (this.state.name === "stopped" || this.#closed) return;
      const conversations = [...this.#known.all()].filter((c) => c.timeline.cursor > 0).map((c) => c.save());
      await this.#store.save(this.#o.user, { outbox: this.#outbox.kept(), conversations });
    }
  };
  function newId() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  // page/src/dom.ts
  function h(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "on" || value === false || value === null || value === void 0) continue;
      element.setAttribute(name, value === true ? "" : String(value));
    }
    for (const [event, hear] of Object.entries(attributes.on ?? {})) {
      element.addEventListener(event, (e) => hear(e, element));
    }
    append(element, children);
    return element;
  }
  function fill(element, ...children) {
    element.replaceChildren();
    append(element, children);
  }
  function append(element, children) {
    for (const child of children) if (child) element.append(child);
  }
  function button(label, act, attributes = {}, ...children) {
    const named = children.length > 0 && children.some((c) => c instanceof SVGElement);
    return h("button", { type: "button", ...named ? { "aria-label": label, title: label } : {}, ...attributes, on: { click: (_, on) => act(on) } }, ...children.length > 0 ? children : [label]);
  }
  var Keyed = class {
    constructor(parent, key, shape, make) {
      this.parent = parent;
      this.key = key;
      this.shape = shape;
      this.make = make;
    }
    parent;
    key;
    shape;
    make;
    #made = /* @__PURE__ */ new Map();
    show(items) {
      const next = /* @__PURE__ */ new Map();
      let at = this.parent.firstElementChild;
      for (const item of items) {
        const key = this.key(item);
        const shape = this.shape(item);
        const old = this.#made.get(key);
        const kept2 = old && old.shape === shape;
        const now = kept2 ? old : { ...this.make(item), shape };
        now.update?.(item);
        if (!kept2 && old) {
          const focus = old.node.contains(document.activeElement) ? document.activeElement?.getAttribute("data-focus") : null;
          if (at === old.node) at = old.node.nextElementSibling;
          old.node.replaceWith(now.node);
          if (focus) now.node.querySelector(`[data-focus="${CSS.escape(focus)}"]`)?.focus();
        }
        if (now.node === at) at = at.nextElementSibling;
        else this.parent.insertBefore(now.node, at);
        next.set(key, now);
      }
      for (const [key, old] of this.#made) if (!next.has(key)) old.node.remove();
      this.#made = next;
    }
  };
  var Later = class {
    constructor(run) {
      this.run = run;
    }
    run;
    #planned = false;
    plan() {
      if (this.#planned) return;
      this.#planned = true;
      queueMicrotask(() => {
        this.#planned = false;
        this.run();
      });
    }
  };

  // page/src/icon.ts
  var SVG = "http://www.w3.org/2000/svg";
  var PATHS = {
    back: "M15 5l-7 7 7 7",
    send: "M4 12l16-8-5 16-4-7z M11 13l9-9",
    chat: "M4 5h16v11H10l-5 4v-4H4z M12 8v5 M9.5 10.5h5",
    group: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z M2.5 20c0-4 3-6 6.500-6s6.500 2 6.500 6 M16 4.500a3.500 3.500 0 0 1 0 6.500 M18 14.500c2.200.8 3.500 2.700 3.500 5.500",
    people: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z M2.5 20c0-4 3-6 6.500-6s6.500 2 6.500 6 M17 11h5 M17 15h5 M18 7h4",
    close: "M6 6l12 12 M18 6L6 18",
    more: "M12 5.500v.1 M12 12v.1 M12 18.500v.1",
    check: "M5 13l4.500 4.500L19 7",
    checks: "M2.500 13l4.500 4.500L16.500 7 M11.500 16l1.500 1.500L22 7",
    clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z M12 7v5l3.500 2",
    alert: "M12 4l9 16H3z M12 10v4.500 M12 17.300v.1",
    undo: "M8 5L4 9l4 4 M4 9h10a6 6 0 0 1 0 12h-4",
    eye: "M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12z M12 14.800a2.800 2.800 0 1 0 0-5.600 2.800 2.800 0 0 0 0 5.600z",
    sun: "M12 16.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9z M12 2v2.500 M12 19.500V22 M2 12h2.500 M19.500 12H22 M5 5l1.700 1.700 M17.300 17.300L19 19 M5 19l1.700-1.700 M17.300 6.700L19 5",
    moon: "M20 14.500A8.500 8.500 0 0 1 9.500 4 8.500 8.500 0 1 0 20 14.500z",
    half: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z M12 3v18 M12 7h7 M12 12h9 M12 17h7",
    leave: "M10 4H5v16h5 M14 8l4 4-4 4 M18 12H9",
    down: "M12 5v14 M6 13l6 6 6-6",
    pen: "M4 20l1-4L16.500 4.500l3 3L8 19z M14 7l3 3",
    plus: "M12 5v14 M5 12h14",
    bag: "M5 8h14l1 12H4z M9 8a3 3 0 0 1 6 0",
    coin: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z M9 7.500l3 4.500 3-4.500 M12 12v5 M9.500 12h5 M9.500 14.700h5",
    truck: "M2 6h12v10H2z M14 9h4l4 4v3h-8z M6.500 19a1.800 1.800 0 1 0 0-3.600 1.800 1.800 0 0 0 0 3.600z M17.500 19a1.800 1.800 0 1 0 0-3.600 1.800 1.800 0 0 0 0 3.600z",
    stall: "M3 9l2-5h14l2 5 M3 9a3 3 0 0 0 6 0 3 3 0 0 0 6 0 3 3 0 0 0 6 0 M5 13v7h14v-7"
  };
  function icon(name) {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    svg.setAttribute("class", `icon ${name}`);
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", PATHS[name]);
    svg.append(path);
    return svg;
  }

  // page/src/words.ts
  var SHOP = "shop";
  var clock = new Intl.DateTimeFormat(void 0, { hour: "numeric", minute: "2-digit" });
  var weekday = new Intl.DateTimeFormat(void 0, { weekday: "long" });
  var date = new Intl.DateTimeFormat(void 0, { day: "numeric", month: "long" });
  var longAgo = new Intl.DateTimeFormat(void 0, { day: "numeric", month: "long", year: "numeric" });
  var short = new Intl.DateTimeFormat(void 0, { day: "2-digit", month: "2-digit" });
  var full = new Intl.DateTimeFormat(void 0, { dateStyle: "full", timeStyle: "medium" });
  var DAY_MS = 864e5;
  function day(at) {
    return new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();
  }
  function ago(at, now) {
    return Math.round((day(now) - day(at)) / DAY_MS);
  }
  var timeOf = (at) => clock.format(at);
  var exactly = (at) => full.format(at);
  function dayOf(at, now = /* @__PURE__ */ new Date()) {
    const days = ago(at, now);
    if (days === 0) return "Today";
    if (days === 1) return "Yesterday";
    if (days > 1 && days < 7) return weekday.format(at);
    return (at.getFullYear() === now.getFullYear() ? date : longAgo).format(at);
  }
  function briefly(at, now = /* @__PURE__ */ new Date()) {
    if (Number.isNaN(at.getTime())) return "";
    const days = ago(at, now);
    if (days <= 0) return clock.format(at);
    if (days === 1) return "Yesterday";
    return days < 7 ? weekday.format(at).slice(0, 3) : short.format(at);
  }
  function lastSeen(at, now = /* @__PURE__ */ new Date()) {
    if (at === null) return "offline";
    const minutes = Math.floor((now.getTime() - new Date(at).getTime()) / 6e4);
    if (minutes < 1) return "seen just now";
    if (minutes < 60) return `seen ${minutes} min ago`;
    const then = new Date(at);
    return ago(then, now) === 0 ? `seen at ${clock.format(then)}` : `seen ${dayOf(then, now).toLowerCase()}`;
  }
  function nameOf(user, me) {
    if (user === me) return "You";
    return user === SHOP ? "The shop" : user;
  }
  function textOf(m) {
    if (m.recalledAt) return "Message recalled";
    const text = m.body["text"];
    return typeof text === "string" && text !== "" ? text : `[${m.kind}]`;
  }
  function noteText(note, me) {
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
  function whyNot(code) {
    const words = {
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
      unreachable: "the server cannot be reached"
    };
    return code !== null && words[code] || code || "unknown";
  }
  var sentence = (fault) => {
    const why = whyNot(fault.code);
    return `${why.charAt(0).toUpperCase()}${why.slice(1)}.`;
  };

  // page/src/avatar.ts
  var HUES = 8;
  function hue(name) {
    let sum = 7;
    for (const c of name) sum = (sum * 31 + (c.codePointAt(0) ?? 0)) % 65521;
    return `hue-${sum % HUES}`;
  }
  function avatar(name, kind, online = false, colour = name) {
    if (name === SHOP && kind === "direct") return h("span", { class: "avatar shop", "aria-hidden": "true" }, icon("stall"));
    const initials = name.replace(/[^\p{L}\p{N} ]/gu, "").trim().split(/\s+/).slice(0, kind === "group" ? 2 : 1);
    const letters = initials.length > 1 ? initials.map((w) => w.charAt(0)).join("") : (initials[0] ?? "?").slice(0, kind === "group" ? 1 : 2);
    return h(
      "span",
      { class: `avatar ${kind === "group" ? "star" : "face"} ${hue(colour)}${online ? " online" : ""}`, "aria-hidden": "true" },
      h("span", { class: "shape" }, letters.toLocaleUpperCase())
    );
  }

  // page/src/dialog.ts
  function ask(question) {
    const problem = h("p", { class: "problem", role: "alert" });
    const act = h("button", { type: "submit", class: question.danger ? "danger" : "primary" }, question.act);
    const inputs = (question.fields ?? []).map((f) => ({ f, input: input(f) }));
    const carry = async () => {
      act.disabled = true;
      problem.textContent = "";
      try {
        await question.carry(new Map(inputs.map(({ f, input: input2 }) => [f.name, f.check ? input2.checked ? "yes" : "" : input2.value.trim()])));
        dialog.close();
      } catch (err) {
        if (!(err instanceof Fault)) throw err;
        problem.textContent = sentence(err);
      } finally {
        act.disabled = false;
      }
    };
    const dialog = h(
      "dialog",
      { "aria-labelledby": "dialog-title", on: { close: (_, on) => on.remove(), click: (event, on) => event.target === on && on.close() } },
      h(
        "form",
        {
          on: {
            submit: (event) => {
              event.preventDefault();
              void carry();
            }
          }
        },
        h("header", {}, h("h2", { id: "dialog-title" }, question.title), button("Close", () => dialog.close(), { class: "tool" }, icon("close"))),
        question.text && h("div", { class: "dialog-text" }, question.text),
        ...inputs.flatMap(({ f, input: input2 }) => f.check ? [h("label", { class: "check" }, input2, f.label)] : [h("label", { for: `field-${f.name}` }, f.label), input2, f.hint ? h("small", {}, f.hint) : null]),
        problem,
        h("footer", {}, button("Cancel", () => dialog.close(), { class: "plain" }), act)
      )
    );
    document.body.append(dialog);
    dialog.showModal();
    (inputs[0]?.input ?? act).focus();
  }
  function tell(title, ...content) {
    const dialog = h(
      "dialog",
      { "aria-labelledby": "dialog-title", on: { close: (_, on) => on.remove(), click: (event, on) => event.target === on && on.close() } },
      h("div", { class: "told" }, h("header", {}, h("h2", { id: "dialog-title" }, title), button("Close", () => dialog.close(), { class: "tool" }, icon("close"))), ...content)
    );
    document.body.append(dialog);
    dialog.showModal();
  }
  function input(f) {
    if (f.check) return h("input", { type: "checkbox", id: `field-${f.name}`, checked: f.value === "yes" });
    return h("input", {
      id: `field-${f.name}`,
      name: f.name,
      value: f.value,
      required: !f.optional,
      pattern: f.pattern,
      maxlength: f.limit,
      autocomplete: "off",
      autocapitalize: "none",
      spellcheck: "false"
    });
  }

  // page/src/begin.ts
  var USER = "[A-Za-z0-9_\\-]{1,64}";
  function beginChat(me, write) {
    ask({
      title: "New chat",
      fields: [{ name: "user", label: "Who do you want to write to?", hint: "A name, as it is used to sign in.", pattern: USER, limit: 64 }],
      act: "Write",
      carry: (values) => {
        const user = values.get("user") ?? "";
        if (user === me) throw new Fault(400, "invalid_recipient", "", 0);
        write(user);
      }
    });
  }
  function beginGroup(client, me, made) {
    ask({
      title: "New group",
      fields: [
        { name: "title", label: "Title", limit: 100 },
        { name: "members", label: "Members", hint: "Names, with spaces or commas between them.", pattern: `\\s*(${USER}[\\s,]*)*`, optional: true },
        { name: "open", label: "Anyone who knows its id may join", check: true }
      ],
      act: "Create",
      carry: async (values) => {
        const members = new Set((values.get("members") ?? "").split(/[\s,]+/).filter((user) => user !== "" && user !== me));
        const group2 = await client.groups.create(values.get("title") ?? "", [...members], values.get("open") === "yes");
        client.refresh();
        made(group2.id);
      }
    });
  }
  function joinGroup(client, me, made) {
    ask({
      title: "Join a group",
      fields: [{ name: "id", label: "The group's id", hint: "Its members find it below the list of members.", pattern: USER, limit: 64 }],
      act: "Join",
      carry: async (values) => {
        const id2 = values.get("id") ?? "";
        await client.groups.put(id2, me, {});
        client.refresh();
        made(id2);
      }
    });
  }

  // page/src/composer.ts
  var MOST_BYTES = 16384;
  var WARN_BYTES = 15e3;
  var Composer = class {
    constructor(act) {
      this.act = act;
      this.#text = h("textarea", {
        id: "compose",
        rows: 1,
        placeholder: "Write a message",
        "aria-label": "Write a message. Enter sends, Shift and Enter break the line",
        enterkeyhint: "send",
        on: { keydown: (event) => this.#key(event), input: () => this.#typed() }
      });
      this.#send = button("Send", () => this.#go(), { class: "send-button" }, icon("send"));
      this.node = h("div", { class: "composer" }, this.#note, h("div", { class: "composer-row" }, this.#text, this.#send));
    }
    act;
    node;
    #text;
    #send;
    #note = h("p", { class: "composer-note", role: "status" });
    #begun = /* @__PURE__ */ new Map();
    #id = null;
    /** open is for another conversation. refusal says why nothing can be written. */
    open(id2) {
      if (this.#id === id2) return;
      this.#id = id2;
      this.#text.value = this.#begun.get(id2) ?? "";
      this.#fit();
    }
    /** moved takes along what was begun, when a conversation gets its name. */
    moved(from, to) {
      const begun = this.#begun.get(from);
      if (begun !== void 0) this.#begun.set(to, begun);
      if (this.#id === from) this.#id = to;
    }
    forbid(why) {
      this.#text.disabled = why !== "";
      this.#text.placeholder = why || "Write a message";
      this.#fit();
    }
    focus() {
      if (!matchMedia("(hover: none)").matches) this.#text.focus();
    }
    #key(event) {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#go();
    }
    #typed() {
      if (this.#id) this.#begun.set(this.#id, this.#text.value);
      if (this.#text.value.trim() !== "") this.act.typing();
      this.#fit();
    }
    #size() {
      return new TextEncoder().encode(JSON.stringify({ text: this.#text.value.trim() })).length;
    }
    #fit() {
      const size = this.#text.value.length < WARN_BYTES / 4 ? 0 : this.#size();
      this.#note.textContent = size > MOST_BYTES ? `Too long by ${size - MOST_BYTES} bytes` : size > WARN_BYTES ? `${MOST_BYTES - size} bytes left` : "";
      this.#send.disabled = this.#text.disabled || this.#text.value.trim() === "" || size > MOST_BYTES;
      this.#text.rows = 1;
      while (this.#text.rows < 8 && this.#text.scrollHeight > this.#text.clientHeight) this.#text.rows++;
      this.act.grown();
    }
    #go() {
      const text = this.#text.value.trim();
      if (text === "" || this.#send.disabled) return;
      this.act.send(text);
      this.#text.value = "";
      this.#typed();
      this.#text.focus();
    }
  };

  // page/src/list.ts
  function titleOf(s) {
    if (s.kind === "group") return s.title ?? "…";
    return s.peer === null ? "…" : nameOf(s.peer);
  }
  var List = class {
    constructor(o) {
      this.o = o;
      this.#rows = new Keyed(
        this.node,
        (s) => s.id,
        (s) => JSON.stringify([s, s.id === this.#selected, s.peer !== null && this.o.online(s.peer), this.o.typing(s.id)]),
        (s) => this.#row(s)
      );
    }
    o;
    node = h("ul", { class: "list", on: { keydown: (event) => this.#move(event) } });
    find = h("input", { type: "search", class: "find", placeholder: "Find a conversation", "aria-label": "Find a conversation", on: { input: () => this.show(this.#selected) } });
    #empty = h("li", { class: "empty" }, "Nothing yet. Begin a chat with somebody, or with a group.");
    #rows;
    #selected = null;
    show(selected) {
      this.#selected = selected;
      const wanted = this.find.value.trim().toLocaleLowerCase();
      const all = this.o.client.conversations();
      const shown = wanted === "" ? all : all.filter((s) => titleOf(s).toLocaleLowerCase().includes(wanted));
      this.#rows.show(shown);
      this.#empty.textContent = all.length === 0 ? "Nothing here yet. Begin a chat with somebody, or with a group." : "Nothing is called that.";
      if (shown.length === 0) this.node.append(this.#empty);
      else this.#empty.remove();
    }
    #row(s) {
      const title = titleOf(s);
      const online = s.peer !== null && this.o.online(s.peer);
      const unread = s.unread > 0 || s.more;
      const count = s.unread > 99 || s.more && s.unread === 0 ? "99+" : `${s.unread}${s.more ? "+" : ""}`;
      const button2 = h(
        "button",
        {
          type: "button",
          class: `row${unread ? " unread" : ""}`,
          "data-focus": s.id,
          "data-conversation": s.id,
          "aria-current": s.id === this.#selected ? "true" : null,
          on: { click: () => this.o.open(s.id) }
        },
        avatar(s.kind === "group" ? title : s.peer ?? "?", s.kind, online, s.peer ?? s.id),
        h(
          "span",
          { class: "row-main" },
          h("span", { class: "row-top" }, h("span", { class: "row-title" }, title), h("time", { class: "row-time" }, s.last || s.waiting ? briefly(new Date(s.activeAt)) : "")),
          h("span", { class: "row-bottom" }, this.#line(s), unread && h("span", { class: "badge", "aria-label": `${count} unread` }, count))
        )
      );
      return { node: h("li", {}, button2) };
    }
    #line(s) {
      const typing = this.o.typing(s.id);
      if (typing.length > 0) return h("span", { class: "row-line typing" }, s.kind === "group" ? `${typing.map((u) => nameOf(u)).join(", ")} typing…` : "typing…");
      if (s.waiting) {
        return h("span", { class: `row-line ${s.waiting.state === "failed" ? "failed" : ""}` }, icon(s.waiting.state === "failed" ? "alert" : "clock"), textOf({ ...s.waiting, recalledAt: null }));
      }
      if (!s.last) return h("span", { class: "row-line faint" }, "No messages yet");
      const who = s.last.from === this.o.me ? "You: " : s.kind === "group" ? `${nameOf(s.last.from)}: ` : "";
      return h("span", { class: `row-line${s.last.recalledAt ? " faint" : ""}` }, who && h("span", { class: "row-who" }, who), textOf(s.last));
    }
    #move(event) {
      if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
      const rows = [...this.node.querySelectorAll("button.row")];
      const at = rows.findIndex((row) => row === document.activeElement);
      const next = rows[at + (event.key === "ArrowDown" ? 1 : -1)];
      if (!next) return;
      event.preventDefault();
      next.focus();
    }
  };

  // page/src/head.ts
  var Head = class {
    constructor(o) {
      this.o = o;
    }
    o;
    node = h("header", { class: "talk-head" });
    #shown = "";
    show(s, members, presence, typing, panel) {
      const under = this.#under(s, members, presence, typing);
      const shown = JSON.stringify([s.id, titleOf(s), under, presence?.online, panel]);
      if (shown === this.#shown) return;
      this.#shown = shown;
      const focus = this.node.contains(document.activeElement) ? document.activeElement?.getAttribute("data-focus") : null;
      fill(
        this.node,
        button("Back to the conversations", () => this.o.back(), { class: "tool back", "data-focus": "back" }, icon("back")),
        avatar(s.kind === "group" ? titleOf(s) : s.peer ?? "?", s.kind, presence?.online, s.peer ?? s.id),
        h("div", { class: "talk-name" }, h("h2", {}, titleOf(s)), h("p", { class: typing.length > 0 ? "typing" : "" }, under)),
        s.kind === "group" && button("Members", () => this.o.members(), { class: "tool", "data-focus": "members", "aria-expanded": String(panel) }, icon("people"))
      );
      if (focus) this.node.querySelector(`[data-focus="${focus}"]`)?.focus();
    }
    #under(s, members, presence, typing) {
      if (typing.length > 0) return s.kind === "group" ? `${typing.map((u) => nameOf(u)).join(", ")} ${typing.length > 1 ? "are" : "is"} typing…` : "typing…";
      if (s.kind === "group") return members === 0 ? "Group" : members === 1 ? "1 member" : `${members} members`;
      if (s.peer === SHOP) return "News of your orders";
      if (!presence) return s.id.startsWith("@") ? "No messages yet" : "";
      return presence.online ? "online" : lastSeen(presence.lastActive);
    }
  };

  // page/src/toast.ts
  var SHOWN_MS = 5e3;
  function toast(text) {
    let shelf = document.getElementById("toasts");
    if (!shelf) {
      shelf = h("div", { id: "toasts", role: "status" });
      document.body.append(shelf);
    }
    const one = h("div", { class: "toast" }, text);
    shelf.append(one);
    setTimeout(() => one.remove(), SHOWN_MS);
  }

  // page/src/panel.ts
  var HOUR_MS = 36e5;
  var RANK = { owner: 3, admin: 2, member: 1 };
  var Panel = class {
    constructor(o) {
      this.o = o;
    }
    o;
    node = h("aside", { class: "panel", "aria-label": "Members", hidden: true });
    #group = null;
    #members = [];
    #next = null;
    #turn = 0;
    async open(group2) {
      this.#group = group2;
      this.node.hidden = false;
      await this.#load(null);
    }
    close() {
      this.#group = null;
      this.#turn++;
      this.node.hidden = true;
    }
    /** refresh asks again who is in it, when the panel is open. */
    refresh(group2) {
      if (this.#group?.id === group2.id) void this.open(group2);
    }
    show() {
      const g = this.#group;
      if (!g) return;
      const may = (RANK[g.role] ?? 0) >= 2;
      fill(
        this.node,
        h("header", {}, h("h2", {}, g.members === 1 ? "1 member" : `${g.members} members`), button("Close members", () => this.o.close(), { class: "tool" }, icon("close"))),
        may && this.#adder(g),
        h("ul", { class: "members" }, ...this.#members.map((m) => this.#row(g, m))),
        this.#next !== null && button("Show more", () => void this.#load(this.#next), { class: "chip" }),
        h(
          "div",
          { class: "panel-foot" },
          h("p", { class: "group-id" }, g.open ? "Open to anyone who knows " : "Closed group ", h("code", {}, g.id)),
          may && button("Rename", () => this.#rename(g), { class: "plain" }, icon("pen"), "Rename"),
          may && button("Open", () => void this.#do(() => this.o.groups.change(g.id, { open: !g.open })), { class: "plain" }, icon("group"), g.open ? "Close it to strangers" : "Open it to anyone"),
          g.role === "owner" && g.members > 1 ? button("Dissolve", () => this.#dissolve(g), { class: "plain danger-text" }, icon("close"), "Dissolve the group") : button("Leave", () => this.#leave(g), { class: "plain danger-text" }, icon("leave"), "Leave the group")
        )
      );
    }
    async #load(after) {
      const turn = ++this.#turn;
      const g = this.#group;
      if (!g) return;
      try {
        const page2 = await this.o.groups.members(g.id, after);
        if (turn !== this.#turn) return;
        this.#members = [...after === null ? [] : this.#members, ...page2.items];
        if (after === null) this.#members.sort((a, b) => (RANK[b.role] ?? 0) - (RANK[a.role] ?? 0) || (a.user < b.user ? -1 : 1));
        this.#next = page2.next;
        this.o.members(this.#members.map((m) => m.user));
        this.show();
      } catch (err) {
        if (!(err instanceof Fault)) throw err;
        if (turn === this.#turn) toast(sentence(err));
      }
    }
    #adder(g) {
      const who = h("input", { placeholder: "Add somebody by name", "aria-label": "Name of a new member", pattern: "[A-Za-z0-9_\\-]{1,64}", required: true, autocapitalize: "none", spellcheck: "false", autocomplete: "off" });
      return h(
        "form",
        {
          class: "adder",
          on: {
            submit: (event) => {
              event.preventDefault();
              const user = who.value.trim();
              who.value = "";
              void this.#do(() => this.o.groups.put(g.id, user, {}));
            }
          }
        },
        who,
        h("button", { type: "submit", class: "tool", "aria-label": "Add", title: "Add" }, icon("plus"))
      );
    }
    #row(g, m) {
      const muted = m.mutedUntil !== null && new Date(m.mutedUntil).getTime() > Date.now();
      const above = (RANK[g.role] ?? 0) > (RANK[m.role] ?? 0);
      return h(
        "li",
        { class: "member", "data-user": m.user },
        avatar(m.user, "direct", this.o.online(m.user)),
        h(
          "span",
          { class: "member-main" },
          h("span", { class: "member-name" }, nameOf(m.user, this.o.me)),
          h("span", { class: "member-role" }, m.role === "member" ? muted ? "" : this.o.online(m.user) ? "online" : "" : m.role, muted && h("span", { title: `until ${exactly(new Date(m.mutedUntil ?? 0))}` }, m.role === "member" ? "muted" : ", muted"))
        ),
        m.user !== this.o.me && button(`What to do about ${m.user}`, () => this.#menu(g, m, above, muted), { class: "tool" }, icon("more"))
      );
    }
    #menu(g, m, above, muted) {
      const groups = this.o.groups;
      const until = () => new Date(Date.now() + HOUR_MS).toISOString();
      const choose = (label, act, danger = false) => button(label, () => {
        document.querySelector("dialog")?.close();
        void this.#do(act);
      }, { class: danger ? "plain danger-text" : "plain" });
      const dialog = h(
        "dialog",
        { class: "menu", "aria-label": m.user, on: { close: (_, on) => on.remove(), click: (event, on) => event.target === on && on.close() } },
        h(
          "div",
          { class: "told" },
          h("header", {}, h("h2", {}, nameOf(m.user)), button("Close", () => dialog.close(), { class: "tool" }, icon("close"))),
          button("Write to them", () => {
            dialog.close();
            this.o.write(m.user);
          }, { class: "plain" }),
          g.role === "owner" && m.role === "member" && choose("Make an admin", () => groups.put(g.id, m.user, { role: "admin" })),
          g.role === "owner" && m.role === "admin" && choose("Make an ordinary member", () => groups.put(g.id, m.user, { role: "member" })),
          g.role === "owner" && choose("Hand the group over", () => groups.put(g.id, m.user, { role: "owner" })),
          above && (muted ? choose("Let them speak again", () => groups.put(g.id, m.user, { muted_until: null })) : choose("Mute for an hour", () => groups.put(g.id, m.user, { muted_until: until() }))),
          above && choose("Remove from the group", () => groups.remove(g.id, m.user), true)
        )
      );
      document.body.append(dialog);
      dialog.showModal();
    }
    #rename(g) {
      ask({
        title: "Rename the group",
        fields: [{ name: "title", label: "Title", value: g.title, limit: 100 }],
        act: "Rename",
        carry: async (values) => {
          await this.o.groups.change(g.id, { title: values.get("title") ?? "" });
          this.o.changed(g.id);
        }
      });
    }
    #dissolve(g) {
      ask({ title: `Dissolve “${g.title}”?`, text: "Everybody is out of it, and nobody can write in it or read it any more.", act: "Dissolve", danger: true, carry: () => this.o.groups.dissolve(g.id) });
    }
    #leave(g) {
      ask({ title: `Leave “${g.title}”?`, text: "You will not see what is said from now on, nor what was said before.", act: "Leave", danger: true, carry: () => this.o.groups.remove(g.id, this.o.me) });
    }
    async #do(act) {
      const g = this.#group;
      try {
        await act();
        if (g) this.o.changed(g.id);
      } catch (err) {
        if (!(err instanceof Fault)) throw err;
        toast(sentence(err));
      }
    }
  };

  // page/src/session.ts
  var KEY = "bazaar.session";
  var MARGIN_MS = 15e3;
  var Session = class _Session {
    constructor(api, tokens2) {
      this.api = api;
      this.#tokens = tokens2;
      this.#keep();
    }
    api;
    #tokens;
    #renewal = null;
    #ended = false;
    get user() {
      return this.#tokens.user;
    }
    /** restore gives the session of before a reload. */
    static restore(api) {
      try {
        const found = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
        if (!found || typeof found.user !== "string" || typeof found.access !== "string" || typeof found.refresh !== "string" || typeof found.until !== "number") return null;
        return new _Session(api, found);
      } catch {
        return null;
      }
    }
    /** signIn throws Fault. */
    static async signIn(api, name, password) {
      const answer = await post(`${api}/issue-token`, { username: name, password });
      if (!answer.ok) throw await refusal(answer);
      return new _Session(api, tokens(await answer.json(), name));
    }
    /** token is what the client library asks for. */
    async token(fresh) {
      if (fresh || this.#left() < MARGIN_MS) await (this.#renewal ??= this.#renew().finally(() => this.#renewal = null));
      return { access: this.#tokens.access, expiresIn: this.#left() / 1e3 };
    }
    async signOut() {
      this.forget();
      await fetch(`${this.api}/issue-token`, { method: "DELETE", headers: { Authorization: `Bearer ${this.#tokens.access}` } }).catch(() => void 0);
    }
    /** forget ends it in this window only. */
    forget() {
      this.#ended = true;
      sessionStorage.removeItem(KEY);
    }
    #left() {
      return this.#tokens.until - Date.now();
    }
    #keep() {
      if (!this.#ended) sessionStorage.setItem(KEY, JSON.stringify(this.#tokens));
    }
    async #renew() {
      const answer = await post(`${this.api}/issue-token/refresh`, { refresh_token: this.#tokens.refresh });
      if ([400, 401, 403, 422].includes(answer.status)) throw new SignedOut();
      if (!answer.ok) throw await refusal(answer);
      this.#tokens = tokens(await answer.json(), this.user);
      this.#keep();
    }
  };
  function post(url, body) {
    return fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), cache: "no-store", signal: AbortSignal.timeout(15e3) });
  }
  function tokens(answer, name) {
    const a = answer;
    if (typeof a.access_token !== "string" || typeof a.refresh_token !== "string" || typeof a.expires_in !== "number") throw new Error("an answer without tokens");
    return { user: subject(a.access_token) ?? name, access: a.access_token, refresh: a.refresh_token, until: Date.now() + a.expires_in * 1e3 };
  }
  function subject(token) {
    try {
      const claims = JSON.parse(atob((token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/")));
      return typeof claims.sub === "string" ? claims.sub : null;
    } catch {
      return null;
    }
  }
  function device() {
    const key = "bazaar.device";
    const known = localStorage.getItem(key);
    if (known && /^[A-Za-z0-9_-]{1,64}$/.test(known)) return known;
    const fresh = `web-${Array.from(crypto.getRandomValues(new Uint8Array(8)), (b) => b.toString(16).padStart(2, "0")).join("")}`;
    localStorage.setItem(key, fresh);
    return fresh;
  }

  // page/src/status.ts
  var Status = class {
    constructor(act) {
      this.act = act;
      this.switch = h(
        "button",
        {
          type: "button",
          class: "switch",
          role: "switch",
          id: "offline",
          on: { click: (_, on) => this.act.away(on.getAttribute("aria-checked") !== "true") }
        },
        h("span", { class: "track" }, h("span", { class: "knob" })),
        h("span", { class: "switch-name" }, "Offline")
      );
    }
    act;
    strip = h("div", { class: "strip", role: "status", hidden: true });
    switch;
    #ticking = 0;
    #shown = "";
    /** show is called whenever something has changed, and each second while somebody waits. */
    show(state, away, unsent) {
      clearTimeout(this.#ticking);
      this.switch.setAttribute("aria-checked", String(away));
      this.switch.classList.toggle("live", state.name === "ready");
      const kept2 = unsent === 0 ? "" : unsent === 1 ? " One message waits to be sent." : ` ${unsent} messages wait to be sent.`;
      if (away) return this.#say("away", `You are offline, as you chose.${kept2 || " What you write is kept and sent when you are back."}`);
      switch (state.name) {
        case "ready":
          return this.#say("", "");
        case "waiting": {
          const seconds = Math.ceil((state.until - Date.now()) / 1e3);
          this.#ticking = window.setTimeout(() => this.show(state, away, unsent), 250);
          if (seconds <= 0) return this.#say("busy", `Connecting…${kept2}`);
          return this.#say("busy", `No connection. Next try in ${seconds} s.${kept2}`, button("Try now", () => this.act.wake(), { class: "link" }));
        }
        case "stopped":
          if (state.why.reason === "replaced") return this.#say("stop", "Bazaar was opened in another window, or this session was ended.", button("Use it here", () => this.act.takeOver(), { class: "link" }));
          if (state.why.code === 4206) return this.#say("stop", "The server does not take connections from this address.");
          return this.#say("stop", `The server has ended the connection (${state.why.code}).`, button("Connect again", () => this.act.takeOver(), { class: "link" }));
        default:
          return this.#say("busy", `Connecting…${kept2}`);
      }
    }
    #say(mood, text, ...more) {
      const shown = `${mood}/${text}`;
      if (shown === this.#shown) return;
      this.#shown = shown;
      this.strip.hidden = mood === "";
      this.strip.className = `strip ${mood}`;
      fill(this.strip, mood === "busy" ? icon("clock") : icon("alert"), h("span", {}, text), ...more);
    }
  };

  // page/src/bubble.ts
  function shapeOf(s) {
    return `${s.first}${s.last}${s.what.recalledAt !== null}${s.group}`;
  }
  function bubble(s, act) {
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
        under
      ),
      tools
    );
    let now = "";
    return {
      node,
      update(s2) {
        const next = [s2.seq, s2.pending?.state, s2.pending?.code, s2.readBy, s2.readByAll, s2.recallable].join();
        if (next === now) return;
        now = next;
        if (s2.seq > 0) node.setAttribute("data-seq", String(s2.seq));
        node.setAttribute("data-state", s2.pending ? s2.pending.state : s2.readBy > 0 && s2.own ? "read" : "sent");
        fill(meta, h("time", { datetime: s2.at.toISOString(), title: exactly(s2.at) }, timeOf(s2.at)), ...s2.own && !recalled ? [tick(s2)] : []);
        fill(tools, ...actions(s2, act));
        fill(under, ...trouble(s2, act));
      }
    };
  }
  function tick(s) {
    const [name, words, mood] = s.pending ? s.pending.state === "failed" ? ["alert", "Not sent", "failed"] : ["clock", "Sending", "sending"] : s.readBy === 0 ? ["check", "Sent", "sent"] : ["checks", s.readByAll ? s.group ? "Read by all" : "Read" : `Read by ${s.readBy}`, s.readByAll ? "read all" : "read"];
    return h("span", { class: `tick ${mood}`, title: words }, icon(name), h("span", { class: "for-reader" }, words));
  }
  function actions(s, act) {
    if (s.pending || s.what.recalledAt !== null) return [];
    const found = [];
    if (s.own) found.push(button("Who has read it", () => act.readers(s.seq), { class: "tool small", "data-focus": "readers" }, icon("eye")));
    if (s.recallable) found.push(button("Recall this message", () => act.recall(s.seq), { class: "tool small", "data-focus": "recall" }, icon("undo")));
    return found;
  }
  function trouble(s, act) {
    const p = s.pending;
    if (p?.state !== "failed") return [];
    return [
      h("span", { class: "failed" }, `Not sent: ${whyNot(p.code)}. `),
      button("Try again", () => act.retry(p), { class: "link" }),
      button("Throw away", () => act.discard(p), { class: "link quiet" })
    ];
  }
  var EVENTS = {
    reserved: ["bag", "Order confirmed"],
    paid: ["coin", "Payment received"],
    shipped: ["truck", "On its way"],
    closed: ["close", "Order closed"]
  };
  function card(kind, body) {
    const text = typeof body["text"] === "string" ? body["text"] : "";
    const order = typeof body["order_id"] === "string" ? body["order_id"] : "";
    if (kind !== "shop.order" && kind !== "shop.refund") return h("p", { class: "text unknown" }, text || `A message of the kind “${kind}”, which this page cannot show`);
    const event = typeof body["event"] === "string" ? body["event"] : "";
    const [picture, title] = kind === "shop.refund" ? ["coin", "Refund"] : EVENTS[event] ?? ["bag", "Your order"];
    return h(
      "div",
      { class: `card ${kind === "shop.refund" ? "refund" : event}` },
      h("div", { class: "card-head" }, icon(picture), h("strong", {}, title), kind === "shop.refund" && h("span", { class: "amount" }, money(body["amount"]))),
      text && h("p", { class: "text", dir: "auto" }, text),
      order && h("p", { class: "order" }, "Order ", h("code", {}, order))
    );
  }
  function money(value) {
    const { amount, currency } = typeof value === "object" && value !== null ? value : {};
    if (!Number.isSafeInteger(amount) || typeof currency !== "string") return "";
    try {
      const format = new Intl.NumberFormat(void 0, { style: "currency", currency });
      return format.format(amount / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
    } catch {
      return `${amount} ${currency}`;
    }
  }

  // page/src/stream.ts
  var RECALL_MS = 12e4;
  var TOGETHER_MS = 3e5;
  var BOTTOM_PX = 48;
  var HUSH_MS = 1e3;
  var Stream = class {
    // to the end, as whoever scrolled last left it
    constructor(client, me, seen) {
      this.client = client;
      this.me = me;
      this.seen = seen;
      this.#scroll = h("div", { class: "scroll", tabindex: 0, "aria-label": "Conversation", on: { scroll: () => this.#scrolled() } }, this.#log);
      this.#jump = button("To the newest message", () => this.bottom(), { class: "jump", hidden: true }, icon("down"));
      this.node = h("div", { class: "stream" }, this.#scroll, this.#jump);
      this.#items = this.#keyed();
      new ResizeObserver(() => this.#stuck && this.bottom()).observe(this.#scroll);
    }
    client;
    me;
    seen;
    node;
    #log = h("div", { class: "log", role: "log", "aria-live": "polite", "aria-label": "Messages" });
    #scroll;
    #jump;
    #items;
    #place = null;
    #readAtOpening = 0;
    #openedAt = 0;
    // what was said later was seen when it came
    #loading = false;
    #stuck = true;
    /** open shows another conversation, from its end. */
    open(place, readSeq) {
      this.#readAtOpening = readSeq;
      this.#openedAt = Date.now();
      if (this.#place?.id !== place.id) {
        this.#hush();
        this.#log.replaceChildren();
        this.#items = this.#keyed();
      }
      this.#place = place;
      this.show();
      this.bottom();
    }
    /** hush: what was said before is not news, and is not read out to those who listen. */
    #hush() {
      this.#log.setAttribute("aria-live", "off");
      setTimeout(() => this.#log.setAttribute("aria-live", "polite"), HUSH_MS);
    }
    /** moved keeps what is shown when the conversation gets its name, or one's role in it changes. */
    moved(place) {
      this.#place = place;
      this.show();
    }
    bottom() {
      this.#scroll.scrollTop = this.#scroll.scrollHeight;
      this.#scrolled();
    }
    /** stay keeps the end in sight, where it was, when what is below has changed its height and back. */
    stay() {
      if (this.#stuck) this.#scroll.scrollTop = this.#scroll.scrollHeight;
    }
    /** atBottom: the newest message can be seen. */
    get atBottom() {
      return this.#scroll.scrollHeight - this.#scroll.scrollTop - this.#scroll.clientHeight < BOTTOM_PX;
    }
    show() {
      const place = this.#place;
      if (!place) return;
      this.#items.show(this.#arrange(this.client.timeline(place.id), place));
      this.stay();
      this.#scrolled();
    }
    #scrolled() {
      this.#stuck = this.atBottom;
      this.#jump.hidden = this.#stuck;
      if (this.#stuck) this.seen();
    }
    #keyed() {
      return new Keyed(
        this.#log,
        (i) => i.key,
        (i) => i.type === "said" ? shapeOf(i) : i.type === "mark" ? i.text : `${i.from}${i.to}${i.coming}${i.top}`,
        (i) => this.#make(i)
      );
    }
    /** arrange puts days, the mark of what is unread and the names between the messages. */
    #arrange(entries2, place) {
      const items = [];
      let today = NaN;
      let marked = this.#readAtOpening === 0;
      for (const [n, e] of entries2.entries()) {
        if (e.type === "gap") {
          items.push({ ...e, key: `g${e.from}`, top: n === 0 });
          continue;
        }
        if (e.type === "note") {
          items.push({ type: "mark", kind: "note", key: `n${e.after}-${JSON.stringify(e.change)}`, text: noteText(e, this.me) });
          continue;
        }
        const at = timeOfEntry(e);
        if (day(at) !== today) {
          today = day(at);
          items.push({ type: "mark", kind: "day", key: `d-${keyOf(e, this.me)}`, text: dayOf(at) });
        }
        if (!marked && e.type === "message" && e.message.seq > this.#readAtOpening && e.message.from !== this.me && at.getTime() < this.#openedAt) {
          marked = true;
          items.push({ type: "mark", kind: "unread", key: "unread", text: "New" });
        }
        items.push(this.#said(e, at, items.at(-1)?.type === "said" ? entries2[n - 1] : void 0, entries2[n + 1], place));
      }
      return items;
    }
    #said(e, at, before, after, place) {
      const [seq, what, pending] = e.type === "message" ? [e.message.seq, e.message, null] : [0, { ...e.pending, from: this.me, recalledAt: null }, e.pending];
      const own = what.from === this.me;
      const together = (other) => {
        if (!other || other.type !== "message" && other.type !== "pending") return false;
        const from = other.type === "message" ? other.message.from : this.me;
        const then = timeOfEntry(other);
        return from === what.from && day(then) === day(at) && Math.abs(then.getTime() - at.getTime()) < TOGETHER_MS;
      };
      let readBy = 0;
      if (own && seq > 0) {
        for (const [user, to] of this.client.receiptsOf(place.id)) if (user !== this.me && to >= seq) readBy++;
      }
      const recent = Date.now() - at.getTime() < RECALL_MS;
      return {
        type: "said",
        key: keyOf(e, this.me),
        what,
        seq,
        own,
        group: place.group,
        first: !together(before),
        last: !together(after),
        at,
        pending,
        readBy,
        readByAll: readBy > 0 && readBy >= place.members - 1,
        recallable: seq > 0 && (own && recent || place.group && place.admin)
      };
    }
    #make(i) {
      if (i.type === "mark") return { node: h("div", { class: `mark ${i.kind}`, role: i.kind === "day" ? "separator" : null }, h("span", {}, i.text)) };
      if (i.type === "gap") return { node: this.#gap(i) };
      return bubble(i, {
        recall: (seq) => this.#recall(seq),
        readers: (seq) => void this.#readers(seq),
        retry: (p) => this.client.retry(p),
        discard: (p) => this.client.discard(p)
      });
    }
    #gap(gap) {
      const count = gap.to - gap.from + 1;
      if (gap.coming) return h("div", { class: "mark coming" }, h("span", {}, count === 1 ? "One message is on its way" : `${count} messages are on their way`));
      const label = gap.top ? "Load earlier messages" : `Load ${count} more here`;
      return h("div", { class: "mark gap" }, button(label, (on) => void this.#load(on, gap.to), { class: "chip", "data-focus": "gap" }));
    }
    async #load(on, to) {
      if (!this.#place || this.#loading) return;
      this.#loading = true;
      on.disabled = true;
      on.textContent = "Loading…";
      const below = this.#scroll.scrollHeight - this.#scroll.scrollTop;
      try {
        await this.client.older(this.#place.id, to);
        this.#hush();
        this.show();
        this.#scroll.scrollTop = this.#scroll.scrollHeight - below;
      } catch (err) {
        if (!(err instanceof Fault)) throw err;
        toast(sentence(err));
      } finally {
        this.#loading = false;
        on.disabled = false;
        on.textContent = "Load earlier messages";
      }
    }
    #recall(seq) {
      const place = this.#place;
      const entry = place && this.client.timeline(place.id).find((e) => e.type === "message" && e.message.seq === seq);
      if (!place || entry?.type !== "message") return;
      ask({
        title: "Recall this message?",
        text: h("blockquote", {}, textOf(entry.message)),
        act: "Recall",
        danger: true,
        carry: () => this.client.recall(place.id, seq)
      });
    }
    async #readers(seq) {
      if (!this.#place) return;
      try {
        const r = await this.client.receipts(this.#place.id, seq);
        const others = Math.max(r.members - 1, 0);
        tell(
          "Read by",
          h("p", { class: "dialog-text" }, r.read === 0 ? "Nobody has read it yet." : `${r.read} of ${others}`),
          r.users.length > 0 && h("ul", { class: "names" }, ...r.users.map((user) => h("li", {}, nameOf(user))))
        );
      } catch (err) {
        if (!(err instanceof Fault)) throw err;
        toast(sentence(err));
      }
    }
  };
  function keyOf(e, me) {
    if (e.type === "pending") return `own-${e.pending.clientMsgId}`;
    return e.message.from === me ? `own-${e.message.clientMsgId}` : `m${e.message.seq}`;
  }
  function timeOfEntry(e) {
    return new Date(e.type === "message" ? e.message.sentAt : e.pending.at);
  }

  // page/src/theme.ts
  var KEY2 = "bazaar.theme";
  var THEMES = ["auto", "light", "dark"];
  var PICTURES = { auto: "half", light: "sun", dark: "moon" };
  var NAMES = { auto: "as the system", light: "light", dark: "dark" };
  function kept() {
    const found = localStorage.getItem(KEY2);
    return THEMES.find((t) => t === found) ?? "auto";
  }
  function applyTheme(theme = kept()) {
    if (theme === "auto") document.documentElement.removeAttribute("data-theme");
    else document.documentElement.setAttribute("data-theme", theme);
  }
  function themeButton() {
    const show = (on, theme) => {
      on.setAttribute("aria-label", `Colours: ${NAMES[theme]}. Change`);
      on.title = `Colours: ${NAMES[theme]}`;
      fill(on, icon(PICTURES[theme]));
    };
    const made = button(
      "Colours",
      (on) => {
        const next = THEMES[(THEMES.indexOf(kept()) + 1) % THEMES.length] ?? "auto";
        localStorage.setItem(KEY2, next);
        applyTheme(next);
        show(on, next);
      },
      { class: "tool" },
      icon("half")
    );
    show(made, kept());
    return made;
  }

  // page/src/chat.ts
  var AWAY = "bazaar.away";
  var TYPING_MS2 = 5e3;
  var WATCHED2 = 100;
  var Chat = class {
    constructor(config2, session, left) {
      this.session = session;
      this.left = left;
      this.#me = session.user;
      this.#client = new Client({ sockets: config2.sockets, api: config2.api, user: this.#me, device: device(), token: (fresh) => session.token(fresh), store: this.#store });
      const client = this.#client;
      const online = (user) => this.#presence.get(user)?.online === true;
      this.#list = new List({ client, me: this.#me, open: (id2) => this.#go(id2), online, typing: (id2) => this.#typists(id2) });
      this.#head = new Head({ back: () => this.#go(null), members: () => this.#togglePanel() });
      this.#stream = new Stream(client, this.#me, () => this.#seen());
      this.#composer = new Composer({
        send: (text) => this.#send(text),
        typing: () => this.#selected && client.typing(this.#selected),
        grown: () => this.#stream.stay()
      });
      this.#panel = new Panel({
        groups: client.groups,
        me: this.#me,
        close: () => this.#togglePanel(),
        changed: (id2) => void this.#learn(id2),
        write: (user) => this.#go(client.direct(user)),
        online,
        members: (users) => {
          this.#members = users;
          this.#watch();
        }
      });
      this.#status = new Status({ wake: () => client.wake(), takeOver: () => client.start(), away: (away) => this.#setAway(away) });
    }
    session;
    left;
    #client;
    #store = new LocalStore(localStorage);
    #me;
    #app = h("div", { class: "app", "data-view": "list" });
    #talk = h("main", { class: "talk" });
    #nothing = h("div", { class: "nothing" }, h("div", { class: "nothing-star" }, icon("chat")), h("p", {}, "Choose a conversation, or begin one."));
    #list;
    #head;
    #stream;
    #composer;
    #panel;
    #status;
    #presence = /* @__PURE__ */ new Map();
    #typing = /* @__PURE__ */ new Map();
    #groups = /* @__PURE__ */ new Map();
    #ends = [];
    #lists = new Later(() => this.#showList());
    #talks = new Later(() => this.#showTalk());
    #statuses = new Later(() => this.#showStatus());
    #selected = null;
    #members = [];
    #away = sessionStorage.getItem(AWAY) === "yes";
    /** show puts the page in place and connects. */
    async show(root2) {
      this.#build(root2);
      this.#listen();
      await this.#client.open();
      this.#select(id(location.hash));
      this.#lists.plan();
      this.#statuses.plan();
      if (!this.#away) this.#client.start();
    }
    #build(root2) {
      fill(this.#talk, this.#status.strip, this.#nothing);
      fill(
        this.#app,
        h(
          "nav",
          { class: "side", "aria-label": "Conversations" },
          h("div", { class: "awning" }),
          h(
            "header",
            { class: "side-head" },
            h("h1", {}, "Bazaar"),
            themeButton(),
            button("New chat", () => beginChat(this.#me, (user) => this.#go(this.#client.direct(user))), { class: "tool", id: "new-chat" }, icon("chat")),
            button("New group", () => beginGroup(this.#client, this.#me, (made) => this.#go(made)), { class: "tool", id: "new-group" }, icon("group"))
          ),
          this.#list.find,
          this.#list.node,
          h("div", { class: "side-more" }, button("Join a group", () => joinGroup(this.#client, this.#me, (made) => this.#go(made)), { class: "link" }, "Join a group by its id")),
          h(
            "footer",
            { class: "side-foot" },
            avatar(this.#me, "direct"),
            h("span", { class: "me" }, this.#me),
            this.#status.switch,
            button("Sign out", () => this.#signOut(), { class: "tool", id: "sign-out" }, icon("leave"))
          )
        ),
        this.#talk,
        this.#panel.node
      );
      fill(root2, this.#app);
    }
    #listen() {
      const c = this.#client;
      const on = (what, hear, at = window) => {
        at.addEventListener(what, hear);
        this.#ends.push(() => at.removeEventListener(what, hear));
      };
      const tick2 = setInterval(() => (this.#lists.plan(), this.#talks.plan()), 2e4);
      this.#ends.push(
        () => clearInterval(tick2),
        c.on("state", (state) => state.name === "ready" ? this.#statuses.plan() : this.#blind()),
        c.on("conversation", (which) => (this.#lists.plan(), this.#statuses.plan(), which === this.#selected && this.#talks.plan())),
        c.on("entry", (which) => (this.#fell(which), which === this.#selected && this.#talks.plan())),
        c.on("receipt", (r) => r.conversation === this.#selected && this.#talks.plan()),
        c.on("opened", (o) => this.#opened(o.from, o.conversation)),
        c.on("typing", (t) => this.#typed(t.conversation, t.user)),
        c.on("presence", (p) => (this.#presence.set(p.user, p), this.#lists.plan(), this.#talks.plan(), this.#panel.show())),
        c.on("member", (which) => void this.#learn(which)),
        c.on("removed", (which) => this.#removed(which)),
        c.on("stopped", (why) => why.reason === "signed-out" && this.#leave("You have been signed out."))
      );
      on("hashchange", () => this.#select(id(location.hash)));
      on("online", () => c.wake());
      on("visibilitychange", () => (document.visibilityState === "visible" && c.wake(), this.#seen()), document);
      on("focus", () => this.#seen());
      on("keydown", (event) => this.#key(event));
    }
    #go(to) {
      if (to === this.#selected) this.#app.dataset["view"] = to === null ? "list" : "chat";
      location.hash = to ?? "";
    }
    #select(to) {
      this.#selected = to;
      this.#app.dataset["view"] = to === null ? "list" : "chat";
      if (!this.#panel.node.hidden) this.#togglePanel();
      this.#lists.plan();
      if (to === null) {
        fill(this.#talk, this.#status.strip, this.#nothing);
        return;
      }
      fill(this.#talk, this.#status.strip, this.#head.node, this.#stream.node, this.#composer.node);
      const s = this.#summary(to);
      this.#stream.open(this.#place(s), s.readSeq);
      this.#composer.open(to);
      this.#showTalk();
      this.#stream.bottom();
      this.#composer.focus();
      void this.#learn(to);
      void this.#askReceipts(to);
    }
    /** summary is what is known of a conversation, if it is only whom it would be with. */
    #summary(which) {
      const known = this.#client.conversations().find((s) => s.id === which);
      const nobody = { id: which, kind: "", title: null, peer: null, activeAt: "", last: null, unread: 0, more: false, readSeq: 0, cursor: 0, mutedUntil: null, waiting: null };
      return known ?? (which.startsWith("@") ? { ...nobody, kind: "direct", peer: which.slice(1) } : nobody);
    }
    #place(s) {
      const group2 = this.#groups.get(s.id);
      return { id: s.id, group: s.kind === "group", admin: group2?.role === "owner" || group2?.role === "admin", members: s.kind === "group" ? group2?.members ?? Infinity : 2 };
    }
    /** learn asks what a group is called, how large it is and what one may do there. */
    async #learn(which) {
      if (this.#summary(which).kind !== "group") return;
      try {
        const group2 = await this.#client.groups.show(which);
        this.#groups.set(which, group2);
        this.#panel.refresh(group2);
        this.#talks.plan();
      } catch {
      }
    }
    /** askReceipts learns how far others had read before this page was there. */
    async #askReceipts(which) {
      const last = this.#client.timeline(which).findLast((e) => e.type === "message" && e.message.from === this.#me);
      if (last?.type !== "message") return;
      await this.#client.receipts(which, last.message.seq).catch(() => void 0);
    }
    #send(text) {
      const which = this.#selected;
      if (!which) return;
      this.#client.send(which.startsWith("@") ? { user: which.slice(1) } : { conversation: which }, "text", { text });
      this.#talks.plan();
      queueMicrotask(() => this.#stream.bottom());
    }
    #seen() {
      if (!this.#selected || document.visibilityState !== "visible" || !this.#stream.atBottom) return;
      this.#client.read(this.#selected, Number.MAX_SAFE_INTEGER);
    }
    #opened(from, to) {
      if (this.#selected !== from) return;
      this.#composer.moved(from, to);
      this.#selected = to;
      this.#stream.moved(this.#place(this.#summary(to)));
      history.replaceState(null, "", `#${to}`);
      this.#lists.plan();
      this.#talks.plan();
    }
    #removed(which) {
      this.#groups.delete(which);
      this.#lists.plan();
      if (which !== this.#selected) return;
      toast("You are not in this conversation any more.");
      this.#go(null);
    }
    #typed(which, user) {
      const typing = this.#typing.get(which) ?? /* @__PURE__ */ new Map();
      this.#typing.set(which, typing);
      clearTimeout(typing.get(user));
      const over = () => (typing.delete(user), this.#lists.plan(), this.#talks.plan());
      typing.set(user, window.setTimeout(over, TYPING_MS2));
      this.#lists.plan();
      this.#talks.plan();
    }
    /** fell: who has just said something does not type any more. */
    #fell(which) {
      const last = this.#client.timeline(which).at(-1);
      if (last?.type === "message") this.#typing.get(which)?.delete(last.message.from);
    }
    #typists(which) {
      return [...this.#typing.get(which)?.keys() ?? []];
    }
    #togglePanel() {
      const group2 = this.#selected ? this.#groups.get(this.#selected) : void 0;
      if (this.#panel.node.hidden && group2) {
        this.#app.dataset["view"] = "panel";
        void this.#panel.open(group2);
      } else {
        this.#app.dataset["view"] = this.#selected ? "chat" : "list";
        this.#panel.close();
      }
      this.#talks.plan();
    }
    #watch() {
      const peers = this.#client.conversations().flatMap((s) => s.peer !== null ? [s.peer] : []);
      const open = this.#selected?.startsWith("@") ? [this.#selected.slice(1)] : [];
      this.#client.watch([.../* @__PURE__ */ new Set([...open, ...this.#members, ...peers])].slice(0, WATCHED2));
    }
    #setAway(away) {
      this.#away = away;
      sessionStorage.setItem(AWAY, away ? "yes" : "no");
      if (away) this.#client.stop();
      else this.#client.start();
      this.#statuses.plan();
    }
    #showList() {
      this.#list.show(this.#selected);
      this.#watch();
      const unread = this.#client.conversations().reduce((sum, s) => sum + s.unread, 0);
      document.title = unread > 0 ? `(${unread}) Bazaar` : "Bazaar";
    }
    #showTalk() {
      const which = this.#selected;
      if (!which) return;
      const s = this.#summary(which);
      if (s.kind === "group" && !this.#groups.has(which)) void this.#learnOnce(which);
      this.#head.show(s, this.#groups.get(which)?.members ?? 0, s.peer === null ? void 0 : this.#presence.get(s.peer), this.#typists(which), !this.#panel.node.hidden);
      this.#stream.moved(this.#place(s));
      const muted = s.mutedUntil !== null && new Date(s.mutedUntil).getTime() > Date.now();
      this.#composer.forbid(muted ? `You are muted until ${exactly(new Date(s.mutedUntil ?? 0))}` : "");
      this.#seen();
    }
    #learning = /* @__PURE__ */ new Set();
    async #learnOnce(which) {
      if (this.#learning.has(which) || this.#client.state.name !== "ready") return;
      this.#learning.add(which);
      await this.#learn(which);
      this.#learning.delete(which);
    }
    /** blind: without a connection nobody is known to be there, or to be typing. */
    #blind() {
      this.#presence.clear();
      this.#typing.clear();
      this.#statuses.plan();
      this.#lists.plan();
      this.#talks.plan();
      this.#panel.show();
    }
    #showStatus() {
      this.#status.show(this.#client.state, this.#away, this.#client.unsent());
    }
    #key(event) {
      if (event.altKey && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
        const all = this.#client.conversations();
        const at = all.findIndex((s) => s.id === this.#selected);
        const next = all[at + (event.key === "ArrowDown" ? 1 : -1)];
        if (next) this.#go(next.id);
        event.preventDefault();
      } else if (event.key === "Escape" && !document.querySelector("dialog[open]")) {
        if (!this.#panel.node.hidden) this.#togglePanel();
        else if (this.#selected) this.#go(null);
      }
    }
    #signOut() {
      const unsent = this.#client.unsent();
      const out = () => {
        this.#client.close();
        this.#store.forget(this.#me);
        void this.session.signOut();
        this.#leave("");
      };
      if (unsent === 0) return out();
      ask({ title: "Sign out?", text: `${unsent === 1 ? "One message is" : `${unsent} messages are`} not sent yet, and would be lost.`, act: "Sign out all the same", danger: true, carry: out });
    }
    #leave(notice) {
      this.#client.close();
      this.session.forget();
      sessionStorage.removeItem(AWAY);
      for (const end of this.#ends.splice(0)) end();
      history.replaceState(null, "", location.pathname);
      document.title = "Bazaar";
      this.left(notice);
    }
  };
  function id(hash) {
    const found = decodeURIComponent(hash.slice(1));
    return /^@?[A-Za-z0-9_-]{1,64}$/.test(found) ? found : null;
  }

  // page/src/signin.ts
  var DEMO = ["alice", "bob", "buyer0001"];
  function signIn(root2, api, notice, enter) {
    const name = h("input", { id: "name", name: "username", autocomplete: "username", autocapitalize: "none", spellcheck: "false", required: true, maxlength: 64 });
    const password = h("input", { id: "password", name: "password", type: "password", autocomplete: "current-password", required: true });
    const problem = h("p", { class: "problem", role: "alert" }, notice);
    const submit = h("button", { type: "submit", class: "primary" }, "Come in");
    const form = h(
      "form",
      {
        class: "door-form",
        on: {
          submit: (event) => {
            event.preventDefault();
            void go();
          }
        }
      },
      h("label", { for: "name" }, "Name"),
      name,
      h("label", { for: "password" }, "Password"),
      password,
      problem,
      submit
    );
    const go = async () => {
      submit.disabled = true;
      submit.textContent = "One moment…";
      problem.textContent = "";
      try {
        enter(await Session.signIn(api, name.value.trim(), password.value));
      } catch (err) {
        problem.textContent = err instanceof Fault ? sentence(err) : sentence({ code: "unreachable" });
        password.select();
      } finally {
        submit.disabled = false;
        submit.textContent = "Come in";
      }
    };
    const demo = DEMO.map(
      (who) => button(who, () => {
        name.value = who;
        password.value = `${who}-demo-2026`;
        submit.focus();
      }, { class: "chip" })
    );
    fill(
      root2,
      h(
        "main",
        { class: "door" },
        h(
          "div",
          { class: "door-card" },
          h("div", { class: "awning" }),
          h(
            "div",
            { class: "door-inner" },
            h("div", { class: "door-head" }, h("h1", {}, "Bazaar"), themeButton()),
            h("p", { class: "lede" }, "Talk to each other and to the shop. What is shown as sent is stored; what is stored arrives."),
            form,
            h("div", { class: "demo" }, h("span", {}, "Demo data:"), ...demo)
          )
        )
      )
    );
    name.focus();
  }

  // page/src/main.ts
  async function config() {
    const answer = await fetch("config.json", { cache: "no-store" });
    const found = await answer.json();
    if (!answer.ok || typeof found.api !== "string" || !Array.isArray(found.sockets)) throw new Error("config.json is not what it should be");
    return found;
  }
  function start(root2, config2) {
    const enter = (session2) => void new Chat(config2, session2, door).show(root2);
    const door = (notice) => signIn(root2, config2.api, notice, enter);
    const session = Session.restore(config2.api);
    if (session) enter(session);
    else door("");
  }
  function main(root2) {
    applyTheme();
    config().then(
      (found) => start(root2, found),
      () => fill(root2, h("main", { class: "door" }, h("div", { class: "door-card" }, h("div", { class: "awning" }), h("div", { class: "door-inner" }, h("h1", {}, "Bazaar"), h("p", { class: "problem", role: "alert" }, "The server cannot be reached."), button("Try again", () => main(root2), { class: "primary" })))))
    );
  }
  var root = document.getElementById("root");
  if (root) main(root);
})();
