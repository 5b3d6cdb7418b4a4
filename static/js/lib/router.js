// Real URLs over the History API. A route is a pattern such as "/namespaces/:id/live"; filters live in the query.
import { signal } from "./preact.js";

const routes = [];

/** {path, query: URLSearchParams, params, page}; `page` is null for an unknown path. */
export const route = signal({ path: "", query: new URLSearchParams(), params: {}, page: null });

export function define(pattern, page) {
  const names = [];
  const source = pattern.replace(/:(\w+)/g, (_, name) => (names.push(name), "([^/]+)"));
  routes.push({ expression: new RegExp(`^${source}/?$`), names, page });
}

function match(path) {
  for (const { expression, names, page } of routes) {
    const found = expression.exec(path);
    if (found) return { page, params: Object.fromEntries(names.map((name, i) => [name, decodeURIComponent(found[i + 1])])) };
  }
  return { page: null, params: {} };
}

export function refresh() {
  const { pathname, search } = location;
  let found;
  try {
    found = match(pathname);
  } catch {
    found = { page: null, params: {} }; // a path that isn't percent-encoded text
  }
  route.value = { path: pathname, query: new URLSearchParams(search), ...found };
}

export function go(target, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", target);
  refresh();
}

/** Replaces the query: `values` maps a name to text, a list of texts, or null to leave it out. */
export function setQuery(values, { replace = true } = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== null && one !== "") query.append(name, one);
  }
  const text = query.toString();
  go(location.pathname + (text ? `?${text}` : ""), { replace });
}

function plainLeftClick(event) {
  return event.button === 0 && !event.defaultPrevented && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
}

export function start() {
  addEventListener("popstate", refresh);
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    if (!link || !plainLeftClick(event) || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (link.pathname === location.pathname && link.hash) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
  refresh();
}
