// The bar above a page: where one is, the palette, whether the broker runs and how fast.
import { html } from "../lib/preact.js";
import { brokerRate, brokerUp, controlState } from "../lib/control.js";
import { rate } from "../lib/format.js";
import { route } from "../lib/router.js";
import { projects } from "../state/session.js";
import { namespaceOf } from "../state/namespaces.js";
import { Icon } from "../components/icons.js";
import { runningText } from "../components/running.js";
import { namespacePath, pageAt } from "./places.js";

const TITLES = { "/": "Namespaces", "/account": "Account", "/api-keys": "API keys" };

/** [[words, href or null], …]: the way to the current page. */
export function crumbs() {
  const { path, params } = route.value;
  if (params.projectId) return [[projects.value.find((p) => p.id === params.projectId)?.name || "Project", "/"], ["Members", null]];
  if (!params.id) return [[TITLES[path] || "Not found", null]];
  const namespace = namespaceOf(params.id);
  const page = pageAt(path) || (path === namespacePath(params.id, "") || path === `/namespaces/${params.id}` ? pageAt(namespacePath(params.id)) : null);
  const project = projects.value.length > 1 && projects.value.find((p) => p.id === namespace?.project_id);
  const way = [[project ? project.name : "Namespaces", "/"]];
  if (namespace) way.push([namespace.name, namespacePath(namespace.id)]);
  const inner = page && (params.stream || params.bucket);
  if (inner) return [...way, [page[1], namespacePath(params.id, page[0])], [inner, null]];
  return [...way, [page ? page[1] : "Not found", null]];
}

function BrokerDot() {
  if (controlState.value === "waiting") return html`<span class="broker unknown" title="The live connection to the console is lost">Reconnecting…</span>`;
  if (brokerUp.value === null) return html`<span class="broker unknown">Broker</span>`;
  if (!brokerUp.value) return html`<span class="broker down" title="No broker has reported within six seconds">Broker away</span>`;
  return html`<span class="broker" title=${`Messages a second that clients publish, over all namespaces. Running: ${runningText()}`}><span class="words">Broker</span>
    ${brokerRate.value !== null && html`<span class="num">${rate(brokerRate.value)} msg/s</span>`}</span>`;
}

export function TopBar({ openRail, openPalette, railOpen }) {
  return html`<header class="top">
    <button type="button" class="icon-btn menu-button" aria-label="Menu" aria-controls="rail" aria-expanded=${railOpen ? "true" : "false"} onClick=${openRail}><${Icon} name="menu" /></button>
    <nav class="crumbs grow" aria-label="Breadcrumbs"><ol>${crumbs().map(([words, href], i, all) => html`<li key=${i} class="clip">
      ${href && i < all.length - 1 ? html`<a class="clip" href=${href}>${words}</a>` : html`<span class="clip" aria-current="page">${words}</span>`}</li>`)}</ol></nav>
    <button type="button" class="palette-button" onClick=${openPalette}><${Icon} name="search" /><span class="words">Search or jump to…</span><span class="grow"></span><kbd aria-hidden="true">${/Mac|iP/.test(navigator.platform) ? "⌘K" : "Ctrl K"}</kbd></button>
    <${BrokerDot} />
  </header>`;
}
