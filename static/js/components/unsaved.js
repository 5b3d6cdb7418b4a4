// A warning in a dialog whose answer takes the place of a secret that is shown once.
import { html } from "../lib/preact.js";
import { Note } from "./states.js";

/** `what`: the secret that would be lost, e.g. "The file of web"; falsy = nothing would. */
export function Unsaved({ what }) {
  return what ? html`<${Note} kind="warn">${what} isn't saved yet. It is lost when you go on.<//>` : null;
}
