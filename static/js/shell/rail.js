// The rail: which namespace, its pages, the person.
import { html, useEffect, useRef } from "../lib/preact.js";
import { usage } from "../lib/control.js";
import { initials, shortKey } from "../lib/format.js";
import { route } from "../lib/router.js";
import { THEMES, chooseTheme, theme } from "../lib/theme.js";
import { projects, signOut, user } from "../state/session.js";
import { namespaceOf, namespaces } from "../state/namespaces.js";
import { Icon, Mark } from "../components/icons.js";
import { Menu } from "../components/menu.js";
import { toast } from "../components/toast.js";
import { API_DOCS, NAMESPACE_PAGES, membersPath, namespacePath, pageAt } from "./places.js";

const THEME_WORDS = { system: ["As the system", "system"], light: ["Light", "sun"], dark: ["Dark", "moon"] };

function Switcher({ current }) {
  const page = pageAt(route.value.path)?.[0] || "overview";
  const button = (props) => html`<button type="button" class="switch" ...${props}>
    <b class="clip">${current ? current.name : "All namespaces"}</b>
    <small class=${current ? "mono clip" : "clip"}>${current ? shortKey(current.id) : "Choose one"}</small><${Icon} name="chevrons" /></button>`;
  return html`<${Menu} label="Namespaces" button=${button}>${(close) => html`
    <div class="menu-scroll">${(namespaces.value || []).map((one) => html`
      <a key=${one.id} role="menuitemradio" aria-checked=${one.id === current?.id} href=${namespacePath(one.id, page)} onClick=${close}>
        <span class="clip grow">${one.name}</span>${one.id === current?.id && html`<${Icon} name="check" />`}</a>`)}</div>
    <hr /><a role="menuitem" href="/" onClick=${close}><${Icon} name="namespaces" />All namespaces</a>`}<//>`;
}

function NavLink({ href, icon, words, count }) {
  const { path } = route.value;
  const current = path === href ? "page" : href !== "/" && path.startsWith(`${href}/`) ? "true" : undefined;
  return html`<a href=${href} aria-current=${current}><${Icon} name=${icon} />${words}
    ${count ? html`<span class="count">${count}</span>` : null}</a>`;
}

function NamespaceNav({ current }) {
  const counts = { credentials: current.credential_count, connections: usage.value[current.id]?.connections };
  let group = "";
  return html`<nav class="nav" aria-label=${current.name}>${NAMESPACE_PAGES.map(([page, words, icon, , of]) => {
    const heading = of !== group && html`<h2>${of}</h2>`;
    group = of;
    return [heading, html`<${NavLink} key=${page} href=${namespacePath(current.id, page)} icon=${icon} words=${words} count=${counts[page]} />`];
  })}</nav>`;
}

function HomeNav() {
  return html`<nav class="nav" aria-label="Console"><${NavLink} href="/" icon="namespaces" words="Namespaces" count=${namespaces.value?.length} />
    <h2>People</h2>${projects.value.map((p) => html`<${NavLink} key=${p.id} href=${membersPath(p.id)} icon="members"
      words=${projects.value.length > 1 ? `${p.name} members` : "Members"} />`)}
    <${NavLink} href="/account" icon="account" words="Account" />
    <h2>Programs</h2><${NavLink} href="/api-keys" icon="credentials" words="API keys" />
    <a href=${API_DOCS} target="_blank"><${Icon} name="info" />API reference</a></nav>`;
}

async function leave() {
  try {
    await signOut();
  } catch (error) {
    toast(error.message, { bad: true });
  }
}

function Me() {
  const who = user.value.name || user.value.email;
  const button = (props) => html`<button type="button" class="me-button" ...${props}><span class="avatar" aria-hidden="true">${initials(who)}</span><span class="clip">${who}</span></button>`;
  return html`<div class="me"><div class="grow"><${Menu} label="You" placement="up" button=${button}>${(close) => html`
    <div class="menu-title clip">${user.value.email}</div>
    <a role="menuitem" href="/account" onClick=${close}><${Icon} name="account" />Account</a>
    <a role="menuitem" href="/api-keys" onClick=${close}><${Icon} name="credentials" />API keys</a>
    <a role="menuitem" href=${API_DOCS} target="_blank" onClick=${close}><${Icon} name="info" />API reference</a>
    <hr /><div class="menu-title">Theme</div>
    ${THEMES.map((name) => html`<button type="button" key=${name} role="menuitemradio" aria-checked=${theme.value === name} onClick=${() => chooseTheme(name)}>
      <${Icon} name=${THEME_WORDS[name][1]} /><span class="grow">${THEME_WORDS[name][0]}</span>${theme.value === name && html`<${Icon} name="check" />`}</button>`)}
    <hr /><button type="button" role="menuitem" onClick=${() => (close(), leave())}><${Icon} name="out" />Sign out</button>`}<//></div>
    <${ThemeButton} /></div>`;
}

function ThemeButton() {
  const next = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length];
  return html`<button type="button" class="icon-btn" aria-label=${`Theme: ${THEME_WORDS[theme.value][0]}. Switch to ${THEME_WORDS[next][0]}`}
    title=${`Theme: ${THEME_WORDS[theme.value][0]}`} onClick=${() => chooseTheme(next)}><${Icon} name=${THEME_WORDS[theme.value][1]} /></button>`;
}

/** On a narrow screen the rail is a drawer: `open`, and `close` for the scrim, Escape and every link. */
export function Rail({ open, close }) {
  const element = useRef(null);
  const current = namespaceOf(route.value.params.id);
  useEffect(() => {
    if (open) element.current.querySelector("a, button").focus();
  }, [open]);
  const onKey = (event) => open && event.key === "Escape" && close();
  const onClick = (event) => event.target.closest("a") && close();
  return html`${open && html`<div class="rail-scrim" onClick=${close}></div>`}
    <aside id="rail" aria-label="Where to go" class=${open ? "rail open" : "rail"} ref=${element} onKeyDown=${onKey} onClick=${onClick}>
      <a class="brand" href="/"><${Mark} />Wireroom</a>
      ${namespaces.value?.length ? html`<${Switcher} current=${current} />` : null}
      ${current ? html`<${NamespaceNav} current=${current} />` : html`<${HomeNav} />`}
      <${Me} />
    </aside>`;
}
