// Deleting something that holds messages: its name is typed, so that it is meant.
import { html, useState } from "../lib/preact.js";
import { remove } from "../lib/http.js";
import { Dialog } from "../components/dialog.js";
import { FormError, Input, SubmitButton, useSubmit } from "../components/form.js";
import { toast } from "../components/toast.js";

/** `what` is "stream" or "bucket"; `text` says what goes with it. */
export function DeleteDialog({ base, name, what, text, close, done }) {
  const [typed, setTyped] = useState("");
  const form = useSubmit(async () => {
    await remove(base, { name: typed });
    close();
    toast(`${name} is deleted.`);
    done();
  });
  return html`<${Dialog} title=${`Delete ${name}?`} narrow onClose=${() => !form.busy && close()}><form class="form" onSubmit=${form.submit}>
    <p>${text} This can't be undone.</p>
    <${Input} label=${`Type ${name} to confirm`} wrong=${form.fields.name} autofocus autocomplete="off" spellcheck=${false} mono value=${typed} onValue=${setTyped} />
    <${FormError} form=${form} shown=${["name"]} />
    <div class="actions"><button type="button" class="btn" onClick=${close}>Cancel</button><${SubmitButton} form=${form} className="btn danger" disabled=${form.busy || typed !== name}>Delete ${what}<//></div></form><//>`;
}
