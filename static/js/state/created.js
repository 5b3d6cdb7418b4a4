// The credential that was just created, with its file: in this page's memory alone, until the person is done with it.
import { signal } from "../lib/preact.js";
import { listen } from "../lib/control.js";

/** null or {namespaceId, credential, creds, fileName, saved, proof}; `proof` is the event that answered: connect or auth_refused. */
export const created = signal(null);

export function keepCreated(namespaceId, answer) {
  created.value = { namespaceId, credential: answer.credential, creds: answer.creds, fileName: answer.file_name, saved: false, proof: null };
}

/** The file that would be lost with the next one, in words; null = none. */
export const unsavedFile = () => (created.value && !created.value.saved ? `The file of ${created.value.credential.name}` : null);

export function markSaved() {
  if (created.value) created.value = { ...created.value, saved: true };
}

export function forgetCreated() {
  created.value = null;
}

listen((message) => {
  const { event } = message;
  const now = created.value;
  if (message.op !== "event" || !now || now.proof?.kind === "connect") return;
  const same = event.credential_id === now.credential.id || (event.user && event.user === now.credential.public_key);
  if (same && (event.kind === "connect" || event.kind === "auth_refused")) created.value = { ...now, proof: { ...event, seen_ms: Date.now() } };
});
