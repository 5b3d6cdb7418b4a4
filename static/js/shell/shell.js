// The frame: rail, top bar, the page inside; keys that work everywhere.
import { html, useEffect, useRef, useState } from "../lib/preact.js";
import { brokerUp, controlState } from "../lib/control.js";
import { useKeys } from "../lib/keys.js";
import { go, route } from "../lib/router.js";
import { namespaceOf, namespaces, namespacesError, loadNamespaces } from "../state/namespaces.js";
import { Empty, Failed, Loading } from "../components/states.js";
import { KeyList, Palette } from "./palette.js";
import { NAMESPACE_PAGES, namespacePath } from "./places.js";
import { Rail } from "./rail.js";
import { TopBar, crumbs } from "./topbar.js";

function Banner() {
  if (controlState.value === "waiting") return html`<div class="banner" role="status">The connection to the console is lost. What you see may be old; it reconnects by itself.</div>`;
  if (brokerUp.value === false) return html`<div class="banner" role="status">No broker answers. Clients can't connect now; changes are kept and applied as soon as one is back.</div>`;
  return null;
}

export function NotFound() {
  return html`<div class="body"><${Empty} icon="search" title="There is nothing here" level="h1"><p>The address may be mistyped, or what it named was deleted, or it was never shared with you.</p>
    <a class="btn" href="/">All namespaces</a><//></div>`;
}

function PageFor() {
  const { page: Page, params } = route.value;
  if (!Page) return html`<${NotFound} />`;
  if (!params.id) return html`<${Page} key=${route.value.path} ...${params} />`;
  if (namespaces.value === null) return namespacesError.value ? html`<${Failed} error=${namespacesError.value} retry=${loadNamespaces} />` : html`<div class="body"><${Loading} lines=${6} /></div>`;
  const namespace = namespaceOf(params.id);
  return namespace ? html`<${Page} key=${route.value.path} namespace=${namespace} />` : html`<${NotFound} />`;
}

function goKeys() {
  const keys = { "g h": () => go("/") };
  const { id } = route.value.params;
  if (id) for (const [page, , , key] of NAMESPACE_PAGES) keys[`g ${key}`] = () => go(namespacePath(id, page));
  return keys;
}

/** After a change of page the focus goes to the content, so that a screen reader starts there. */
function useFocusOnPage(main) {
  const first = useRef(true);
  const { path } = route.value;
  useEffect(() => {
    if (first.current) first.current = false;
    else if (!document.querySelector("dialog[open]") && !main.current.contains(document.activeElement)) main.current.focus({ preventScroll: true });
    main.current.scrollTop = 0;
  }, [path]);
}

export function Shell() {
  const [open, setOpen] = useState(null); // null, "palette", "keys" or "rail"
  const main = useRef(null);
  const close = () => setOpen(null);
  useKeys({ "mod+k": () => setOpen(open === "palette" ? null : "palette"), "?": () => setOpen("keys"), ...goKeys() });
  useFocusOnPage(main);
  const title = crumbs().map(([words]) => words).reverse().join(" · ");
  useEffect(() => void (document.title = `${title} · Wireroom`), [title]);
  return html`<div class="shell">
    <a class="skip" href="#main">Skip to the page</a>
    <${Rail} open=${open === "rail"} close=${() => open === "rail" && close()} />
    <div class="page"><div><${TopBar} openRail=${() => setOpen("rail")} railOpen=${open === "rail"} openPalette=${() => setOpen("palette")} /><${Banner} /></div>
      <main class="main" id="main" tabindex="-1" ref=${main}><${PageFor} /></main></div>
    ${open === "palette" && html`<${Palette} close=${close} />`}
    ${open === "keys" && html`<${KeyList} close=${close} />`}
  </div>`;
}
