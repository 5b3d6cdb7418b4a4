// Every HTTP request of the page goes through `request`: one CSRF rule, one error path.

/** What went wrong, in a form to show. `status` is 0 when no answer came. `fields` maps a field's name to its sentence. */
export class ApiError extends Error {
  constructor(status, type, message, details = [], body = null) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.type = type;
    this.details = details;
    this.body = body;
  }

  get fields() {
    return Object.fromEntries(this.details.filter((d) => d.argument_name).map((d) => [d.argument_name, d.help_message]));
  }
}

/** url`/api/namespaces/${id}`: every value is percent-encoded. */
export function url(strings, ...values) {
  return strings.reduce((text, part, i) => text + part + (i < values.length ? encodeURIComponent(values[i]) : ""), "");
}

let csrfToken = "";
let onSignedOut = () => {};

export function setCsrfToken(token) {
  csrfToken = token || csrfToken;
}

/** `handler` is called when an answer says that nobody is signed in (any more). */
export function whenSignedOut(handler) {
  onSignedOut = handler;
}

function currentCsrfToken() {
  const cookie = /(?:^|;\s*)csrftoken=([^;]+)/.exec(document.cookie);
  return cookie ? decodeURIComponent(cookie[1]) : csrfToken;
}

function wordsFor(status) {
  if (status === 413) return "That is too large.";
  if (status === 429) return "Too many attempts. Wait a minute, then try again.";
  if (status >= 500) return "The server couldn't do this. It may be restarting; try again in a moment.";
  return "The server refused this.";
}

/** The API's own error form, and the one that the sign-in endpoints use. */
function errorFrom(status, body) {
  if (body && Array.isArray(body.errors)) {
    const details = body.errors.map((e) => ({ argument_name: e.param || "", help_message: e.message, reason: e.code }));
    return new ApiError(status, body.errors[0]?.code || "refused", body.errors[0]?.message || wordsFor(status), details, body);
  }
  const first = body?.details?.find?.((d) => d.help_message);
  const message = status === 400 && first ? first.help_message : body?.message || wordsFor(status);
  return new ApiError(status, body?.type || "refused", message, body?.details || [], body);
}

async function parsed(response) {
  if (response.status === 204) return null;
  const text = await response.text();
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

/** Sends JSON, gives the answer's JSON; throws ApiError. `quiet401`: the caller handles "not signed in" itself. */
export async function request(method, path, body, { signal, quiet401 = false } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET") headers["X-CSRFToken"] = currentCsrfToken();
  let response;
  try {
    response = await fetch(path, { method, headers, signal, credentials: "same-origin", body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "The console can't be reached. Check the connection; nothing was changed.");
  }
  const answer = await parsed(response);
  if (response.ok) return answer;
  if (response.status === 401 && !quiet401) onSignedOut();
  throw errorFrom(response.status, answer);
}

export const get = (path, options) => request("GET", path, undefined, options);
export const post = (path, body = {}, options) => request("POST", path, body, options);
export const put = (path, body, options) => request("PUT", path, body, options);
export const patch = (path, body, options) => request("PATCH", path, body, options);
export const remove = (path, body, options) => request("DELETE", path, body, options);
