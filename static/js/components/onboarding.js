// Numbered steps with ticks.
import { html } from "../lib/preact.js";
import { Icon } from "./icons.js";

const WORDS = { done: "done", now: "to do now", later: "later" };

/** `steps` = [{title, state: "done" | "now" | "later", body}]. */
export function Steps({ steps }) {
  return html`<ol class="card steps">${steps.map((step, i) => html`<li class=${`step ${step.state}`} key=${i} aria-current=${step.state === "now" ? "step" : undefined}>
    <span class="step-mark" aria-hidden="true">${step.state === "done" ? html`<${Icon} name="check" />` : i + 1}</span>
    <div class="step-text"><h2>${step.title}<span class="sr-only"> (${WORDS[step.state]})</span></h2>${step.state === "done" ? step.done : step.body}</div></li>`)}</ol>`;
}
