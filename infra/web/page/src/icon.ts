const SVG = "http://www.w3.org/2000/svg";

/** Each picture is strokes in a square of 24. */
const PATHS = {
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
  stall: "M3 9l2-5h14l2 5 M3 9a3 3 0 0 0 6 0 3 3 0 0 0 6 0 3 3 0 0 0 6 0 M5 13v7h14v-7",
} as const;

export type IconName = keyof typeof PATHS;

/** icon draws a picture that says nothing by itself: whoever shows it names it. */
export function icon(name: IconName): SVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", `icon ${name}`);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
