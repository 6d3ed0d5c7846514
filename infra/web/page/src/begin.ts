import { Fault } from "../../client/api.ts";
import type { Client } from "../../client/client.ts";
import { ask } from "./dialog.ts";

const USER = "[A-Za-z0-9_\\-]{1,64}";

/** beginChat asks whom to write to. Whether there is somebody of that name is not known before. */
export function beginChat(me: string, write: (user: string) => void): void {
  ask({
    title: "New chat",
    fields: [{ name: "user", label: "Who do you want to write to?", hint: "A name, as it is used to sign in.", pattern: USER, limit: 64 }],
    act: "Write",
    carry: (values) => {
      const user = values.get("user") ?? "";
      if (user === me) throw new Fault(400, "invalid_recipient", "", 0);
      write(user);
    },
  });
}

/** beginGroup makes a group, or joins one that is open. */
export function beginGroup(client: Client, me: string, made: (id: string) => void): void {
  ask({
    title: "New group",
    fields: [
      { name: "title", label: "Title", limit: 100 },
      { name: "members", label: "Members", hint: "Names, with spaces or commas between them.", pattern: `\\s*(${USER}[\\s,]*)*`, optional: true },
      { name: "open", label: "Anyone who knows its id may join", check: true },
    ],
    act: "Create",
    carry: async (values) => {
      const members = new Set((values.get("members") ?? "").split(/[\s,]+/).filter((user) => user !== "" && user !== me));
      const group = await client.groups.create(values.get("title") ?? "", [...members], values.get("open") === "yes");
      client.refresh();
      made(group.id);
    },
  });
}

/** joinGroup goes into a group that is open. */
export function joinGroup(client: Client, me: string, made: (id: string) => void): void {
  ask({
    title: "Join a group",
    fields: [{ name: "id", label: "The group's id", hint: "Its members find it below the list of members.", pattern: USER, limit: 64 }],
    act: "Join",
    carry: async (values) => {
      const id = values.get("id") ?? "";
      await client.groups.put(id, me, {});
      client.refresh();
      made(id);
    },
  });
}
