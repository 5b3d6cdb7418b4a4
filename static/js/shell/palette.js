// The command palette: every page, every namespace, a few actions; and the list of keys.
import { html, useEffect, useId, useMemo, useRef, useState } from "../lib/preact.js";
import { go, route } from "../lib/router.js";
import { chooseTheme } from "../lib/theme.js";
import { projects, signOut } from "../state/session.js";
import { namespaceOf, namespaces } from "../state/namespaces.js";
import { Dialog } from "../components/dialog.js";
import { Icon } from "../components/icons.js";
import { API_DOCS, NAMESPACE_PAGES, membersPath, namespacePath } from "./places.js";

function entries() {
  const current = namespaceOf(route.value.params.id);
  const pages = current ? NAMESPACE_PAGES.map(([page, words, icon]) => ({ words, where: current.name, icon, run: () => go(namespacePath(current.id, page)) })) : [];
  const create = current ? [{ words: "New credential", where: current.name, icon: "plus", run: () => go(`${namespacePath(current.id, "credentials")}?new=1`) }] : [];
  const others = (namespaces.value || []).flatMap((one) => ["overview", "live"].map((page) => ({
    words: page === "live" ? `${one.name} live` : one.name, where: page === "live" ? "Live traffic" : "Namespace", icon: page === "live" ? "live" : "namespaces", run: () => go(namespacePath(one.id, page)),
  })));
  const general = [
    { words: "All namespaces", where: "Console", icon: "namespaces", run: () => go("/") },
    ...projects.value.map((p) => ({ words: `Members of ${p.name}`, where: "Console", icon: "members", run: () => go(membersPath(p.id)) })),
    { words: "Account", where: "Console", icon: "account", run: () => go("/account") },
    { words: "API keys", where: "Console", icon: "credentials", run: () => go("/api-keys") },
    { words: "New API key", where: "Console", icon: "plus", run: () => go("/api-keys?new=1") },
    { words: "API reference", where: "Console", icon: "info", run: () => window.open(API_DOCS, "_blank") },
    { words: "Light theme", where: "Theme", icon: "sun", run: () => chooseTheme("light") },
    { words: "Dark theme", where: "Theme", icon: "moon", run: () => chooseTheme("dark") },
    { words: "Theme as the system", where: "Theme", icon: "system", run: () => chooseTheme("system") },
    { words: "Sign out", where: "Account", icon: "out", run: signOut },
  ];
  return [...pages, ...create, ...others, ...general];
}

/** Every word typed must be somewhere in the entry. */
function matching(all, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return all.filter((e) => words.every((w) => `${e.words} ${e.where}`.toLowerCase().includes(w))).slice(0, 60);
}

export function Palette({ close }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const id = useId();
  const list = useRef(null);
  const all = useMemo(entries, []);
  const found = matching(all, text);
  useEffect(() => list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" }), [at]);
  const run = (entry) => (close(), entry?.run());
  const onKey = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      setAt((at + step + found.length) % Math.max(1, found.length));
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (found.length) run(found[at]);
    }
  };
  return html`<${Dialog} bare title="Search or jump to" className="palette" onClose=${close}>
    <input class="palette-input" placeholder="Search or jump to…" role="combobox" aria-expanded="true" aria-label="Search or jump to" aria-controls=${`${id}-list`}
      aria-activedescendant=${found.length ? `${id}-${at}` : undefined} autocomplete="off" spellcheck=${false} autofocus value=${text}
      onInput=${(e) => (setText(e.target.value), setAt(0))} onKeyDown=${onKey} />
    ${found.length ? html`<ul class="palette-list" role="listbox" aria-label="Results" id=${`${id}-list`} ref=${list}>${found.map((entry, i) => html`
      <li key=${i} id=${`${id}-${i}`} role="option" aria-selected=${i === at ? "true" : "false"} onPointerMove=${() => i !== at && setAt(i)} onClick=${() => run(entry)}>
        <${Icon} name=${entry.icon} /><span class="clip">${entry.words}</span><small>${entry.where}</small></li>`)}</ul>`
    : html`<p class="palette-none" id=${`${id}-list`}>Nothing is called “${text}”.</p>`}
  <//>`;
}

const KEYS = [
  ["Anywhere", [["⌘ K", "Search or jump to"], ["?", "This list"], ["g l", "Live"], ["g o", "Overview"], ["g d", "Streams"], ["g k", "Key-value"], ["g c", "Credentials"], ["g n", "Connections"], ["g a", "Activity"], ["g s", "Settings"], ["g h", "All namespaces"]]],
  ["Live", [["/", "Add a filter"], ["p", "Pause, go on"], ["j k", "Next, previous row"], ["G", "Newest row, and follow"], ["Esc", "Close the message"], ["x", "Publish panel"]]],
];

export function KeyList({ close }) {
  return html`<${Dialog} title="Keys" onClose=${close}>${KEYS.map(([group, keys]) => html`<h3>${group}</h3>
    <dl class="keys">${keys.map(([key, words]) => html`<dt>${key.split(" ").map((k) => html`<kbd>${k}</kbd>`)}</dt><dd>${words}</dd>`)}</dl>`)}<//>`;
}
