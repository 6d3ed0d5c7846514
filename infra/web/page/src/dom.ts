/**
 * Elements are made here and nowhere else. Text is only ever set as text: there
 * is no way in this file, nor under the page's policy, for a string to become
 * markup, a style or a script.
 */
export type Child = Node | string | null | undefined | false;

type Hear<E> = { readonly [K in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[K], on: E) => void };

export interface Attributes<E> {
  readonly on?: Hear<E>;
  readonly [name: string]: string | boolean | number | null | undefined | Hear<E>;
}

/** h makes an element. An attribute that is false, null or undefined is left out, true is set empty. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes<HTMLElementTagNameMap[K]> = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on" || value === false || value === null || value === undefined) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const [event, hear] of Object.entries(attributes.on ?? {})) {
    element.addEventListener(event, (e) => (hear as (e: Event, on: HTMLElementTagNameMap[K]) => void)(e, element));
  }
  append(element, children);
  return element;
}

/** fill puts children in place of what an element holds. */
export function fill(element: Element, ...children: Child[]): void {
  element.replaceChildren();
  append(element, children);
}

function append(element: Element, children: readonly Child[]): void {
  for (const child of children) if (child) element.append(child);
}

/** button is a button that is named for those who do not see its picture. */
export function button(label: string, act: (on: HTMLButtonElement) => void, attributes: Attributes<HTMLButtonElement> = {}, ...children: Child[]): HTMLButtonElement {
  const named = children.length > 0 && children.some((c) => c instanceof SVGElement);
  return h("button", { type: "button", ...(named ? { "aria-label": label, title: label } : {}), ...attributes, on: { click: (_, on) => act(on) } }, ...(children.length > 0 ? children : [label]));
}

/** Made is an element, and how it follows its item while the item's shape stays. */
export interface Made<T> {
  readonly node: HTMLElement;
  update?(item: T): void;
}

/**
 * Keyed keeps the children of an element in step with a list: what has not
 * changed its shape keeps its element, so that focus and scrolling stay and a
 * reader is not read the same thing twice.
 */
export class Keyed<T> {
  #made = new Map<string, Made<T> & { readonly shape: string }>();

  constructor(
    private readonly parent: HTMLElement,
    private readonly key: (item: T) => string,
    private readonly shape: (item: T) => string,
    private readonly make: (item: T) => Made<T>,
  ) {}

  show(items: readonly T[]): void {
    const next = new Map<string, Made<T> & { readonly shape: string }>();
    let at: Element | null = this.parent.firstElementChild;
    for (const item of items) {
      const key = this.key(item);
      const shape = this.shape(item);
      const old = this.#made.get(key);
      const kept = old && old.shape === shape;
      const now = kept ? old : { ...this.make(item), shape };
      now.update?.(item);
      if (!kept && old) {
        const focus = old.node.contains(document.activeElement) ? document.activeElement?.getAttribute("data-focus") : null;
        if (at === old.node) at = old.node.nextElementSibling;
        old.node.replaceWith(now.node);
        if (focus) now.node.querySelector<HTMLElement>(`[data-focus="${CSS.escape(focus)}"]`)?.focus();
      }
      if (now.node === at) at = at.nextElementSibling;
      else this.parent.insertBefore(now.node, at);
      next.set(key, now);
    }
    for (const [key, old] of this.#made) if (!next.has(key)) old.node.remove();
    this.#made = next;
  }
}

/** Later runs something once after all that happens now. */
export class Later {
  #planned = false;

  constructor(private readonly run: () => void) {}

  plan(): void {
    if (this.#planned) return;
    this.#planned = true;
    queueMicrotask(() => {
      this.#planned = false;
      this.run();
    });
  }
}
