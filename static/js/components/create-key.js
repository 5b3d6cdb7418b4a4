// The dialog that creates an API key: description, default project, lifetime.
import { html, useState } from "../lib/preact.js";
import { post } from "../lib/http.js";
import { keepKey, unsavedSecret } from "../state/created-key.js";
import { projects } from "../state/session.js";
import { Dialog } from "./dialog.js";
import { FormError, Input, Select, SubmitButton, useSubmit } from "./form.js";
import { DEFAULT_LIFETIME, Lifetime, secondsOf } from "./lifetime.js";
import { Unsaved } from "./unsaved.js";

export function CreateKey({ close, done }) {
  const [description, setDescription] = useState("");
  const [project, setProject] = useState(projects.value[0]?.id);
  const [lifetime, setLifetime] = useState(DEFAULT_LIFETIME);
  const form = useSubmit(async () => {
    keepKey(await post("/api/api-keys", { description: description.trim(), expires_in_s: secondsOf(lifetime), ...(project && { project_id: project }) }));
    close();
    done();
  });
  return html`<${Dialog} title="New API key" onClose=${() => !form.busy && close()}><form class="form" onSubmit=${form.submit}>
    <${Unsaved} what=${unsavedSecret()} />
    <p>A program with this key may do whatever you may, in all of your projects.</p>
    <${Input} label="Description" hint="What uses it" wrong=${form.fields.description} maxlength="200" autofocus autocomplete="off" placeholder="Terraform in CI" value=${description} onValue=${setDescription} />
    ${project && html`<${Select} label="Default project" hint="Where a request that names no project works" wrong=${form.fields.project_id} value=${project} onValue=${setProject} options=${projects.value.map((p) => [p.id, p.name])} />`}
    <${Lifetime} hint="An expired key is refused." wrong=${form.fields.expires_in_s} value=${lifetime} onValue=${setLifetime} />
    <${FormError} form=${form} shown=${["description", "project_id", "expires_in_s"]} />
    <div class="actions"><button type="button" class="btn" onClick=${close} disabled=${form.busy}>Cancel</button><${SubmitButton} form=${form}>Create API key<//></div>
  </form><//>`;
}
