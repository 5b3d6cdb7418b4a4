// Keyboard shortcuts: a stack of tables, the newest first, so that a page's keys win over the shell's.
import { useEffect } from "./preact.js";

const tables = [];
let prefix = "";
let prefixTimer = 0;

function typing(target) {
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

function nameOf(event) {
  const command = event.metaKey || event.ctrlKey ? "mod+" : "";
  return command + (event.key.length === 1 && command ? event.key.toLowerCase() : event.key);
}

function onKey(event) {
  if (event.altKey || event.isComposing) return;
  const name = nameOf(event);
  if (!name.startsWith("mod+") && (typing(event.target) || document.querySelector("dialog[open]"))) return;
  if (name === "g" && !prefix) {
    prefix = "g ";
    prefixTimer = setTimeout(() => (prefix = ""), 900);
    return;
  }
  const wanted = prefix + name;
  prefix = "";
  clearTimeout(prefixTimer);
  for (const table of tables.toReversed?.() ?? [...tables].reverse()) {
    const action = table.current[wanted];
    if (!action) continue;
    if (action(event) !== false) event.preventDefault();
    return;
  }
}

addEventListener("keydown", onKey);

/** `table` maps "p", "mod+k", "g l", "ArrowDown" to an action; an action that returns false lets the key through. */
export function useKeys(table) {
  const holder = { current: table };
  useEffect(() => {
    tables.push(holder);
    return () => tables.splice(tables.indexOf(holder), 1);
  });
}
