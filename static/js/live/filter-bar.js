// The chips, the form that adds one, and the mode.
import { html, useEffect, useId, useRef, useState } from "../lib/preact.js";
import { Icon } from "../components/icons.js";
import { KINDS, MODES, chips, chipWrong, withChip, withoutChip } from "./filters.js";

const PLACEHOLDERS = { subject: "orders.>", not: "orders.heartbeat", header: "Trace-Id  or  Trace-Id: abc", contains: "any text" };
const HINTS = {
  subject: "* is one part, > is the rest. Several: any of them.",
  not: "Messages on these subjects count as filtered out.",
  header: "A name alone: the header is there. With a value: it equals it.",
  contains: "Upper and lower case differ.",
};

function Chip({ kind, value, words, remove }) {
  return html`<span class=${kind === "subject" ? "chip acc" : kind === "not" ? "chip not" : "chip"}><span class="mono clip" title=${words}>${words}</span>
    <button type="button" aria-label=${`Remove filter ${words}`} onClick=${() => remove(kind, value)}><${Icon} name="close" /></button></span>`;
}

function AddForm({ filters, add, close }) {
  const [kind, setKind] = useState("subject");
  const [value, setValue] = useState("");
  const [wrong, setWrong] = useState(null);
  const input = useRef(null);
  const id = useId();
  useEffect(() => input.current.focus(), [kind]);
  const submit = (event) => {
    event.preventDefault();
    const text = kind === "contains" ? value : value.trim();
    const refusal = chipWrong(filters, kind, text);
    if (refusal) setWrong(refusal);
    else add(kind, text);
  };
  return html`<form class="menu down filter-form" onSubmit=${submit} onKeyDown=${(e) => e.key === "Escape" && (e.stopPropagation(), close())}>
    <div class="seg" role="group" aria-label="Filter by">${KINDS.map(([name, words]) => html`<button type="button" key=${name} aria-pressed=${name === kind ? "true" : "false"} onClick=${() => (setKind(name), setWrong(null))}>${words}</button>`)}</div>
    <div class="filter-line"><input class="input mono" ref=${input} aria-label=${KINDS.find(([name]) => name === kind)[1]} aria-describedby=${id} aria-invalid=${wrong ? "true" : undefined}
      placeholder=${PLACEHOLDERS[kind]} autocomplete="off" spellcheck=${false} value=${value} onInput=${(e) => (setValue(e.target.value), setWrong(null))} /><button type="submit" class="btn primary">Add</button></div>
    <p id=${id} class=${wrong ? "wrong" : "dim"} role=${wrong ? "alert" : undefined}>${wrong || HINTS[kind]}</p></form>`;
}

/** `opened`: whether the form is open; `setOpened` also serves the key "/". */
export function FilterBar({ filters, change, opened, setOpened }) {
  const anchor = useRef(null);
  const close = () => {
    setOpened(false);
    anchor.current.querySelector(".chip-add").focus();
  };
  useEffect(() => {
    if (!opened) return undefined;
    const outside = (event) => !anchor.current.contains(event.target) && setOpened(false);
    document.addEventListener("pointerdown", outside);
    return () => document.removeEventListener("pointerdown", outside);
  }, [opened]);
  const add = (kind, value) => (change(withChip(filters, kind, value)), close());
  return html`<div class="chips" role="group" aria-label="Filters">
    ${chips(filters).map(([kind, value, words]) => html`<${Chip} key=${kind + value} kind=${kind} value=${value} words=${words} remove=${(k, v) => change(withoutChip(filters, k, v))} />`)}
    <div class="menu-anchor" ref=${anchor}><button type="button" class="chip-add" aria-expanded=${opened ? "true" : "false"} onClick=${() => setOpened(!opened)}><${Icon} name="plus" />Filter <kbd>/</kbd></button>
      ${opened && html`<${AddForm} filters=${filters} add=${add} close=${close} />`}</div></div>`;
}

export function ModePicker({ filters, change }) {
  const setN = (event) => {
    const n = Math.min(1_000_000, Math.max(1, Math.trunc(Number(event.target.value)) || 1));
    event.target.value = n;
    if (n !== filters.n) change({ ...filters, n });
  };
  return html`<div class="seg" role="group" aria-label="Which messages">${MODES.map(([mode, words]) => html`
      <button type="button" key=${mode} aria-pressed=${filters.mode === mode ? "true" : "false"} onClick=${() => filters.mode !== mode && change({ ...filters, mode })}>${words}</button>`)}</div>
    ${filters.mode === "one_in" && html`<label class="one-in">N <input class="input num" type="number" min="1" max="1000000" value=${filters.n} onChange=${setN} /></label>`}`;
}
