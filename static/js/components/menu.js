// A button with a menu under it: arrow keys move, Escape closes and gives the focus back.
import { html, useEffect, useLayoutEffect, useRef, useState } from "../lib/preact.js";

function items(menu) {
  return [...menu.querySelectorAll('[role^="menuitem"]')];
}

function onMenuKey(event, menu, close) {
  const all = items(menu);
  const at = all.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
  if (to !== undefined) {
    event.preventDefault();
    all[(to + all.length) % all.length]?.focus();
  } else if (event.key === "Escape" || event.key === "Tab") {
    if (event.key === "Escape") event.stopPropagation();
    close();
  }
}

/** `button(props)` draws the button and spreads props; `children(close)` draws the items, each with role="menuitem". */
export function Menu({ label, button, children, placement = "down" }) {
  const [open, setOpen] = useState(false);
  const anchor = useRef(null);
  const menu = useRef(null);
  const close = () => {
    setOpen(false);
    anchor.current?.querySelector("[aria-haspopup]")?.focus();
  };
  useLayoutEffect(() => {
    if (open) (menu.current.querySelector('[aria-checked="true"]') || items(menu.current)[0])?.focus();
  }, [open]);
  useEffect(() => {
    if (!open) return undefined;
    const outside = (event) => !anchor.current.contains(event.target) && setOpen(false);
    document.addEventListener("pointerdown", outside);
    return () => document.removeEventListener("pointerdown", outside);
  }, [open]);
  const props = { "aria-haspopup": "menu", "aria-expanded": open ? "true" : "false", onClick: () => setOpen(!open) };
  return html`<div class="menu-anchor" ref=${anchor}>${button(props)}
    ${open && html`<div class=${`menu ${placement}`} role="menu" aria-label=${label} ref=${menu}
      onKeyDown=${(event) => onMenuKey(event, menu.current, close)}>${children(close)}</div>`}
  </div>`;
}
