// The dialog that replaces a credential by a fresh one; the old one goes when clients have had time to change.
import { html, useState } from "../lib/preact.js";
import { post, url } from "../lib/http.js";
import { keepCreated, unsavedFile } from "../state/created.js";
import { Dialog } from "./dialog.js";
import { FormError, Select, SubmitButton, useSubmit } from "./form.js";
import { Unsaved } from "./unsaved.js";

const OVERLAPS = [["3600", "1 hour"], ["86400", "1 day"], ["604800", "7 days"], ["2592000", "30 days"], ["0", "None: revoke the old one now"]];

export function RotateCredential({ namespace, credential, close, done }) {
  const [overlap, setOverlap] = useState("86400");
  const form = useSubmit(async () => {
    const path = url`/api/namespaces/${namespace.id}/credentials/${credential.id}/rotate`;
    keepCreated(namespace.id, await post(path, { overlap_s: Number(overlap) }));
    close();
    done();
  });
  return html`<${Dialog} title=${`Rotate ${credential.name}`} narrow onClose=${() => !form.busy && close()}><form class="form" onSubmit=${form.submit}>
    <${Unsaved} what=${unsavedFile()} />
    <p>Makes a new file with the same name, permissions and lifetime. Replace the old file wherever it is used while both are valid.</p>
    <${Select} label="Both are valid for" wrong=${form.fields.overlap_s} value=${overlap} onValue=${setOverlap} options=${OVERLAPS} />
    <${FormError} form=${form} shown=${["overlap_s"]} />
    <div class="actions"><button type="button" class="btn" onClick=${close} disabled=${form.busy}>Cancel</button><${SubmitButton} form=${form}>Rotate<//></div>
  </form><//>`;
}
