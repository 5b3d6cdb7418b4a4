// Line icons on a 24 × 24 grid; decorative, so hidden from assistive technology: the text beside them speaks.
import { html } from "../lib/preact.js";

const PATHS = {
  overview: "M3 12h4l3 8 4-16 3 8h4",
  live: "M2 12h3m14 0h3M12 2v3m0 14v3M8 12a4 4 0 1 0 8 0 4 4 0 0 0-8 0",
  streams: "M4 6h16M4 12h16M4 18h16M8 4v4M16 10v4M11 16v4",
  kv: "M4 5h7v6H4zM13 8h7M4 13h7v6H4zM13 16h7",
  consumers: "M4 12h9M10 8l4 4-4 4M17 5v14M20.5 5v14",
  credentials: "M15 7a4 4 0 1 1-4 4l-7 7v3h4v-3h3v-3l2-1",
  sharing: "M8 12l8-5M8 12l8 5M5.5 14.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5M18.5 8.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5M18.5 20.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5",
  connections: "M9 12h6M7 8H6a4 4 0 0 0 0 8h1M17 8h1a4 4 0 0 1 0 8h-1",
  activity: "M12 7v5l3 3M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18",
  settings: "M4 7h10M18 7h2M4 17h2M10 17h10M14 4v6M6 14v6",
  namespaces: "M12 3l8 4.5v9L12 21l-8-4.5v-9zM12 12l8-4.5M12 12v9M12 12L4 7.5",
  members: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7M2.5 20c0-3.6 2.9-6 6.5-6s6.5 2.4 6.5 6M16 4.4a3.5 3.5 0 0 1 0 6.2M18 14.6c2.1 .9 3.5 2.9 3.5 5.4",
  account: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8M4 21c0-4 3.6-6.5 8-6.5s8 2.5 8 6.5",
  chevrons: "M8 9l4-4 4 4M8 15l4 4 4-4",
  close: "M6 6l12 12M18 6L6 18",
  check: "M5 12.5l4.5 4.5L19 7.5",
  copy: "M9 9h10v11H9zM5 15V4h10",
  download: "M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14",
  plus: "M12 5v14M5 12h14",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14M16 16l4.5 4.5",
  menu: "M4 7h16M4 12h16M4 17h16",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5",
  system: "M4 5h16v11H4zM9 20h6M12 16v4",
  warn: "M12 4l9 16H3zM12 10v4.5M12 17.3v.1",
  info: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M12 11v5M12 7.8v.1",
  offline: "M3 3l18 18M8.5 15.5a5 5 0 0 1 7 0M5 12a10 10 0 0 1 4-2.5M19 12a10 10 0 0 0-5-2.8M2 8.5A15 15 0 0 1 6 6M22 8.5A15 15 0 0 0 11 5M12 19.5v.1",
  play: "M8 5.5v13l10.5-6.5z",
  pause: "M8.5 5.5v13M15.5 5.5v13",
  send: "M4 12l16-8-6 17-3-7z",
  out: "M14 4h5v16h-5M10 8l-4 4 4 4M6 12h9",
  dots: "M5 12v.1M12 12v.1M19 12v.1",
  keyboard: "M3 6h18v12H3zM7 10v.1M11 10v.1M15 10v.1M8 14h8",
  trash: "M5 7h14M10 7V4.5h4V7M7 7l1 13h8l1-13",
  back: "M14 6l-6 6 6 6",
};

export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>`;
}

export function Mark() {
  return html`<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" aria-hidden="true">
    <path d="M2 15c4 0 4-6 8-6s4 6 8 6 3-3 4-4" /><circle cx="10" cy="9" r="2.2" fill="currentColor" stroke="none" />
  </svg>`;
}
