// The API key that was just created, with its secret: in this page's memory alone, until the person is done with it.
import { signal } from "../lib/preact.js";

/** null or the API's answer ({api_key, secret_key, organization_id, region, api_url}) with `saved`. */
export const createdKey = signal(null);

export function keepKey(answer) {
  createdKey.value = { ...answer, saved: false };
}

/** The secret that would be lost with the next one, in words; null = none. */
export function unsavedSecret() {
  if (!createdKey.value || createdKey.value.saved) return null;
  const { description, access_key: accessKey } = createdKey.value.api_key;
  return `The secret key of ${description || accessKey}`;
}

export function markKeySaved() {
  if (createdKey.value) createdKey.value = { ...createdKey.value, saved: true };
}

export function forgetKey() {
  createdKey.value = null;
}
