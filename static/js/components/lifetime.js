// How long something that is created will be valid.
import { html } from "../lib/preact.js";
import { Select } from "./form.js";

const DAY_S = 86_400;
const LIFETIMES = [["3600", "1 hour"], [`${DAY_S}`, "1 day"], [`${30 * DAY_S}`, "30 days"], [`${90 * DAY_S}`, "90 days"], [`${365 * DAY_S}`, "1 year"], ["", "Never expires"]];

export const DEFAULT_LIFETIME = `${90 * DAY_S}`;

/** `value` of Lifetime as the API takes it; null = never. */
export const secondsOf = (value) => (value ? Number(value) : null);

export function Lifetime(props) {
  return html`<${Select} label="Lifetime" options=${LIFETIMES} ...${props} />`;
}
