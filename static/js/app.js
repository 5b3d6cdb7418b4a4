// The entry: which page belongs to which address, and whether somebody is signed in.
import { html, render, effect, untracked } from "./lib/preact.js";
import { whenSignedOut } from "./lib/http.js";
import { connectControl, disconnectControl, listen } from "./lib/control.js";
import { define, go, route, start } from "./lib/router.js";
import { loadSession, session, sessionError, user } from "./state/session.js";
import { forgetNamespaces, loadNamespaces } from "./state/namespaces.js";
import { forgetCreated } from "./state/created.js";
import { forgetKey } from "./state/created-key.js";
import { Toasts } from "./components/toast.js";
import { Failed } from "./components/states.js";
import { Shell } from "./shell/shell.js";
import { AccountPage } from "./pages/account.js";
import { ActivityPage } from "./pages/activity.js";
import { ApiKeysPage } from "./pages/api-keys.js";
import { BucketPage } from "./pages/bucket.js";
import { ConnectionsPage } from "./pages/connections.js";
import { CredentialsPage } from "./pages/credentials.js";
import { BucketsPage } from "./pages/kv.js";
import { LivePage } from "./pages/live.js";
import { MembersPage } from "./pages/members.js";
import { NamespacesPage } from "./pages/namespaces.js";
import { OverviewPage } from "./pages/overview.js";
import { SettingsPage } from "./pages/settings.js";
import { SharingPage } from "./pages/sharing.js";
import { StreamPage } from "./pages/stream.js";
import { StreamsPage } from "./pages/streams.js";
import { SignInPage } from "./pages/sign-in.js";

define("/", NamespacesPage);
define("/sign-in", SignInPage);
define("/account", AccountPage);
define("/api-keys", ApiKeysPage);
define("/projects/:projectId/members", MembersPage);
define("/namespaces/:id", OverviewPage);
define("/namespaces/:id/overview", OverviewPage);
define("/namespaces/:id/live", LivePage);
define("/namespaces/:id/streams", StreamsPage);
define("/namespaces/:id/streams/:stream", StreamPage);
define("/namespaces/:id/kv", BucketsPage);
define("/namespaces/:id/kv/:bucket", BucketPage);
define("/namespaces/:id/credentials", CredentialsPage);
define("/namespaces/:id/sharing", SharingPage);
define("/namespaces/:id/connections", ConnectionsPage);
define("/namespaces/:id/activity", ActivityPage);
define("/namespaces/:id/settings", SettingsPage);

/** Only a path of this page may follow a sign-in. */
function nextPath() {
  const next = route.value.query.get("next") || "/";
  return /^\/(?![/\\])/.test(next) ? next : "/";
}

function App() {
  if (session.value === null) return sessionError.value ? html`<${Failed} error=${sessionError.value} retry=${loadSession} />` : null;
  if (!user.value || route.value.path === "/sign-in") return html`<${SignInPage} />`;
  return html`<${Shell} />`;
}

function begin() {
  connectControl();
  loadNamespaces();
}

function end() {
  disconnectControl();
  forgetNamespaces();
  forgetCreated();
  forgetKey();
}

// Somebody signed in: open the control socket and load what the rail shows. Nobody: forget everything and ask.
effect(() => {
  if (session.value === null) return;
  const signedIn = Boolean(user.value);
  untracked(() => (signedIn ? begin() : end()));
});

effect(() => {
  if (session.value === null) return;
  const { path, query } = route.value;
  const onSignIn = path === "/sign-in";
  if (user.value && onSignIn && !location.hash) go(nextPath(), { replace: true });
  if (!user.value && !onSignIn) go(`/sign-in?next=${encodeURIComponent(path + (query.size ? `?${query}` : ""))}`, { replace: true });
});

whenSignedOut(loadSession);
listen((message) => message.op === "signed_out" && loadSession());
start();

const host = document.getElementById("app");
loadSession().then(() => {
  host.replaceChildren();
  render(html`<${App} /><${Toasts} />`, host);
});
