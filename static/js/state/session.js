// Who is signed in. `session` is null until the first answer.
import { computed, signal } from "../lib/preact.js";
import { get, post, remove, setCsrfToken, ApiError } from "../lib/http.js";

export const session = signal(null);
export const sessionError = signal(null);
export const user = computed(() => session.value?.user || null);
export const projects = computed(() => session.value?.projects || []);
export const natsUrl = computed(() => session.value?.nats?.url || "nats://127.0.0.1:4222");

const AUTH = "/_allauth/browser/v1/auth";

function take(answer) {
  setCsrfToken(answer.csrf_token);
  session.value = answer;
  sessionError.value = null;
  return answer;
}

export async function loadSession() {
  try {
    return take(await get("/api/session"));
  } catch (error) {
    sessionError.value = error;
    return null;
  }
}

/** "in", or "totp" when a second factor is asked for; throws ApiError with a sentence. */
export async function signIn(email, password) {
  try {
    await post(`${AUTH}/login`, { email, password }, { quiet401: true });
  } catch (error) {
    const flows = error.body?.data?.flows || [];
    if (error.status === 401 && flows.some((flow) => flow.id === "mfa_authenticate")) return "totp";
    if (error.status === 400 || error.status === 401) throw new ApiError(error.status, error.type, "The e-mail address or the password is wrong.");
    if (error.status === 409) return (await loadSession())?.user ? "in" : Promise.reject(error);
    throw error;
  }
  await loadSession();
  return "in";
}

export async function answerTotp(code) {
  await post(`${AUTH}/2fa/authenticate`, { code }, { quiet401: true });
  await loadSession();
}

/** The token of a one-time link; the server answers with the session. */
export async function signInByLink(token) {
  take(await post("/api/session/link", { token }, { quiet401: true }));
}

export async function signOut() {
  try {
    await remove(`${AUTH}/session`, undefined, { quiet401: true });
  } catch (error) {
    if (error.status !== 401) throw error; // 401 is this endpoint's answer for "you are signed out now"
  }
  await loadSession();
}

export const roleIn = (projectId) => projects.value.find((p) => p.id === projectId)?.role || "viewer";
export const mayWrite = (role) => role === "owner" || role === "editor";
