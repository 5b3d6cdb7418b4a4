// The namespaces that the person may see; loaded once, then kept current by the control socket.
import { signal } from "../lib/preact.js";
import { get, patch, post, remove, url } from "../lib/http.js";
import { listen, seedUsage } from "../lib/control.js";

/** null until the first answer. */
export const namespaces = signal(null);
export const namespacesError = signal(null);

export async function loadNamespaces() {
  try {
    const answer = await get("/api/namespaces");
    namespaces.value = answer.namespaces;
    namespacesError.value = null;
    for (const one of answer.namespaces) seedUsage(one.id, one.usage);
  } catch (error) {
    namespacesError.value = error;
  }
}

export function forgetNamespaces() {
  namespaces.value = null;
  namespacesError.value = null;
}

export const namespaceOf = (id) => namespaces.value?.find((one) => one.id === id) || null;

function put(namespace) {
  const others = (namespaces.value || []).filter((one) => one.id !== namespace.id);
  namespaces.value = [...others, namespace].sort((a, b) => a.name.localeCompare(b.name));
}

export async function createNamespace(name, projectId) {
  const made = await post("/api/namespaces", projectId ? { name, project_id: projectId } : { name });
  put(made);
  return made;
}

export async function renameNamespace(id, name) {
  put(await patch(url`/api/namespaces/${id}`, { name }));
}

export async function deleteNamespace(id, name) {
  await remove(url`/api/namespaces/${id}`, { name });
  namespaces.value = (namespaces.value || []).filter((one) => one.id !== id);
}

listen((message) => {
  if (message.op === "changed" && namespaces.value) loadNamespaces();
});
