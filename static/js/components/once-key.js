// The panel that shows a new API key's secret once, and what Scaleway's tools need to use it.
import { html } from "../lib/preact.js";
import { useLeaveWarning } from "../lib/leaving.js";
import { environmentOf } from "../lib/snippets.js";
import { markKeySaved } from "../state/created-key.js";
import { Code, CopyButton, CopyIcon } from "./copy.js";
import { Icon } from "./icons.js";
import { Note } from "./states.js";

const CHECK = 'curl -H "X-Auth-Token: $SCW_SECRET_KEY" \\\n  "$SCW_API_URL/api/namespaces"';

export function OnceKey({ once, close }) {
  useLeaveWarning(!once.saved);
  const { access_key: accessKey, description } = once.api_key;
  return html`<section class="card once" aria-label=${`The secret of ${description || accessKey}`}>
    <header><h2 class="clip">${description || accessKey}</h2><span class="tag ok">Created</span><span class="grow"></span>
      <button type="button" class="icon-btn" aria-label="Close" onClick=${close}><${Icon} name="close" /></button></header>
    <div class="inside">
      <${Note} kind="warn">The secret key is shown here only, once. Wireroom keeps no copy of it.<//>
      <dl class="kv"><dt>Access key</dt><dd class="mono">${accessKey} <${CopyIcon} text=${accessKey} label="Copy the access key" /></dd>
        <dt>Secret key</dt><dd class="mono">${once.secret_key}</dd></dl>
      <div class="actions"><${CopyButton} className="btn primary" text=${once.secret_key} label="Copy the secret key" onCopied=${markKeySaved} /></div>
      <h3>For scw, the SDKs and Terraform</h3>
      <${Code} text=${environmentOf(once)} label="Copy the environment" onCopied=${markKeySaved} />
      <h3>To see that it works</h3>
      <${Code} text=${CHECK} label="Copy the command" />
    </div></section>`;
}
