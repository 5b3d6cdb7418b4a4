// The panel that shows a new credential's file once, how to use it, and whether it works.
import { html, useState } from "../lib/preact.js";
import { ago } from "../lib/format.js";
import { download } from "../lib/files.js";
import { useLeaveWarning } from "../lib/leaving.js";
import { useNow } from "../lib/resource.js";
import { LANGUAGES, contextName } from "../lib/snippets.js";
import { markSaved } from "../state/created.js";
import { natsUrl } from "../state/session.js";
import { Code, CopyButton } from "./copy.js";
import { Icon } from "./icons.js";
import { Note } from "./states.js";

function clientWords(event) {
  const client = [event.lang, event.version].filter(Boolean).join(" ");
  return `${client || "A client"}${event.name ? ` “${event.name}”` : ""} from ${event.ip || "an unknown address"}`;
}

/** Waiting, connected, or refused with the reason. */
function Proof({ proof }) {
  const now = useNow(1000);
  if (!proof) return html`<div class="proof waiting" role="status"><span class="busy" aria-hidden="true"></span><div>Waiting for its first connection<small>This turns green when a client connects with this file.</small></div></div>`;
  const when = ago(proof.seen_ms, now);
  if (proof.kind === "connect") return html`<div class="proof yes" role="status"><${Icon} name="check" /><div>Connected ${when}<small>${clientWords(proof)}</small></div></div>`;
  return html`<div class="proof no" role="status"><${Icon} name="warn" /><div>Refused ${when}<small>${proof.reason || "The broker refused it"} · ${clientWords(proof)}</small></div></div>`;
}

function Snippets({ once, namespace }) {
  const [at, setAt] = useState(0);
  const values = { url: natsUrl.value, file: once.fileName, context: contextName(namespace.name), subject: ">", hello: "hello" };
  return html`<div class="seg" role="group" aria-label="Language">${LANGUAGES.map(([name], i) => html`
      <button type="button" key=${name} aria-pressed=${i === at ? "true" : "false"} onClick=${() => setAt(i)}>${name}</button>`)}</div>
    <${Code} text=${LANGUAGES[at][1](values)} label="Copy the code" />`;
}

export function OncePanel({ once, namespace, close }) {
  useLeaveWarning(!once.saved);
  const save = () => {
    download(once.fileName, once.creds, "application/octet-stream");
    markSaved();
  };
  return html`<section class="card once" aria-label=${`The file of ${once.credential.name}`}>
    <header><h2 class="clip">${once.credential.name}</h2><span class="tag ok">Created</span><span class="grow"></span>
      <button type="button" class="icon-btn" aria-label="Close" onClick=${close}><${Icon} name="close" /></button></header>
    <div class="inside">
      <${Note} kind="warn">This file exists only here, once. Wireroom keeps no copy of its key.<//>
      <div class="actions"><button type="button" class="btn primary" onClick=${save}><${Icon} name="download" />Download ${once.fileName}</button>
        <${CopyButton} text=${once.creds} onCopied=${markSaved} /></div>
      <${Snippets} once=${once} namespace=${namespace} />
      <${Proof} proof=${once.proof} />
    </div></section>`;
}
