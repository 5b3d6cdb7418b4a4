// One namespace at a glance: its rates, its connections, how to connect; the first-message steps until there was one.
import { html, useEffect, useState } from "../lib/preact.js";
import { post, url } from "../lib/http.js";
import { usage } from "../lib/control.js";
import { bytes, count, exact, rate, shortKey, toMs } from "../lib/format.js";
import { load, save } from "../lib/storage.js";
import { contextName, shellWord } from "../lib/snippets.js";
import { created } from "../state/created.js";
import { mayWrite, natsUrl } from "../state/session.js";
import { Code, CopyIcon } from "../components/copy.js";
import { ErrorNote } from "../components/states.js";
import { Icon } from "../components/icons.js";
import { Limits } from "../components/limits.js";
import { Spark } from "../components/spark.js";
import { Steps } from "../components/onboarding.js";
import { namespacePath } from "../shell/places.js";

const FIRST_SUBJECT = "hello";

/** Whether a message was ever seen here; remembered in this browser, since a broker's counters begin anew when it restarts. */
function useFirstMessage(namespace, live) {
  const key = `first-message.${namespace.id}`;
  const [known, setKnown] = useState(() => Boolean(load(key)));
  const now = Boolean(live?.in_msgs);
  useEffect(() => {
    if (!now || known) return;
    save(key, true);
    setKnown(true);
  }, [now]);
  return known || now;
}

function PublishHere({ namespace }) {
  const [state, setState] = useState({ busy: false, error: null, sent: false });
  const send = async () => {
    setState({ busy: true, error: null, sent: false });
    try {
      await post(url`/api/namespaces/${namespace.id}/publish`, { subject: FIRST_SUBJECT, payload: "first message" });
      setState({ busy: false, error: null, sent: true });
    } catch (error) {
      setState({ busy: false, error, sent: false });
    }
  };
  return html`<div class="inline-form"><button type="button" class="btn" onClick=${send} disabled=${state.busy}><${Icon} name="send" />Send it from this page</button>
    <a class="btn quiet" href=${namespacePath(namespace.id, "live")}><${Icon} name="live" />Watch it live</a></div><${ErrorNote} error=${state.error} />`;
}

function firstSteps(namespace, arrived) {
  const hasCredential = namespace.credential_count > 0;
  const fileName = created.value?.namespaceId === namespace.id ? created.value.fileName : "NAME.creds";
  const command = `nats pub ${FIRST_SUBJECT} "first message" \\\n  --server ${shellWord(natsUrl.value)} --creds ${shellWord("./" + fileName)}`;
  return [
    { title: "Namespace created", state: "done", done: html`<p class="dim mono">${namespace.id}</p>` },
    { title: hasCredential ? "Credential created" : "Download a credential", state: hasCredential ? "done" : "now",
      body: html`<p>One <span class="mono">.creds</span> file that every NATS client takes as it is. It is shown once.</p>
        <div><a class="btn primary" href=${`${namespacePath(namespace.id, "credentials")}?new=1`}><${Icon} name="plus" />New credential</a></div>`,
      done: html`<p class="dim">${count(namespace.credential_count)} in this namespace. <a href=${namespacePath(namespace.id, "credentials")}>See them</a></p>` },
    { title: arrived ? "The first message arrived" : "Send a message and watch it arrive", state: arrived ? "done" : hasCredential ? "now" : "later",
      body: html`${hasCredential ? html`<${Code} text=${command} label="Copy the command" />` : html`<p>From your terminal with the file, or straight from this page:</p>`}
        ${mayWrite(namespace.role) && html`<${PublishHere} namespace=${namespace} />`}
        <p role="status" class="dim">Listening for the first message…</p>`,
      done: html`<p role="status">Traffic flows. <a href=${namespacePath(namespace.id, "live")}>Watch it live</a></p>` },
  ];
}

function Stat({ words, value, note, history, pick }) {
  return html`<div class="card stat"><dt>${words}</dt><dd>${value} <small>${note}</small>
    ${history && html`<${Spark} values=${history.map(pick)} width=${220} label=${`${words}, the last minute`} />`}</dd></div>`;
}

function Stats({ live }) {
  const history = live?.history?.length ? live.history : [];
  return html`<dl class="stats" aria-label="Traffic now">
    <${Stat} words="Published by clients" value=${rate(live?.in_rate || 0)} note="msg/s" history=${history} pick=${(h) => h.in} />
    <${Stat} words="Delivered to clients" value=${rate(live?.out_rate || 0)} note="msg/s" history=${history} pick=${(h) => h.out} />
    <${Stat} words="In" value=${bytes(live?.in_bytes_rate || 0)} note=${html`a second · ${bytes(live?.in_bytes || 0)} in all`} history=${history} pick=${(h) => h.in_bytes} />
    <${Stat} words="Out" value=${bytes(live?.out_bytes_rate || 0)} note=${html`a second · ${bytes(live?.out_bytes || 0)} in all`} history=${history} pick=${(h) => h.out_bytes} /></dl>`;
}

function Facts({ namespace, live }) {
  return html`<section class="card"><header><h2>Now</h2></header><div class="inside"><dl class="kv">
    <dt>Connections</dt><dd class="num"><a href=${namespacePath(namespace.id, "connections")}>${count(live?.connections || 0)}</a></dd>
    <dt>Subscriptions</dt><dd class="num">${count(live?.subscriptions || 0)}</dd>
    <dt>Messages in</dt><dd class="num">${count(live?.in_msgs || 0)} <span class="dim">since the broker started</span></dd>
    <dt>Messages out</dt><dd class="num">${count(live?.out_msgs || 0)}</dd>
    <dt>Slow consumers</dt><dd class="num">${count(live?.slow_consumers || 0)}</dd></dl>
    <${Limits} limits=${namespace.limits} usage=${live} /></div></section>`;
}

function Connect({ namespace }) {
  const command = `nats context save ${shellWord(contextName(namespace.name))} \\\n  --server ${shellWord(natsUrl.value)} \\\n  --creds ./NAME.creds --select`;
  return html`<section class="card"><header><h2>Connect</h2></header><div class="inside"><dl class="kv">
    <dt>Server</dt><dd class="mono">${natsUrl.value} <${CopyIcon} text=${natsUrl.value} label="Copy the server's URL" /></dd>
    <dt>Account</dt><dd class="mono" title=${namespace.id}>${shortKey(namespace.id)} <${CopyIcon} text=${namespace.id} label="Copy the account's public key" /></dd>
    <dt>Created</dt><dd>${exact(toMs(namespace.created_at))}</dd></dl>
    <${Code} text=${command} label="Copy the command" /></div></section>`;
}

export function OverviewPage({ namespace }) {
  const live = usage.value[namespace.id] || namespace.usage;
  const arrived = useFirstMessage(namespace, live);
  const [complete] = useState(arrived); // the steps stay until the page is left, so that the last tick is seen
  return html`<div class="body"><div class="head"><h1>${namespace.name}</h1>
      ${namespace.broker === "pending" && html`<span class="tag warn" title="The broker hasn't taken this namespace yet">Waiting for the broker</span>`}
      <span class="grow"></span><a class="btn" href=${namespacePath(namespace.id, "live")}><${Icon} name="live" />Live</a></div>
    ${!complete && html`<${Steps} steps=${firstSteps(namespace, arrived)} />`}
    ${(complete || arrived) && html`<${Stats} live=${live} />`}
    <div class="two"><${Facts} namespace=${namespace} live=${live} /><${Connect} namespace=${namespace} /></div></div>`;
}
