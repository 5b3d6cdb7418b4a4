// Where one can go: the rail, the breadcrumbs, the palette and the titles all read this.
import { url } from "../lib/http.js";

/** Pages of a namespace: [last part of the path, words, icon, key after "g", group]. */
export const NAMESPACE_PAGES = [
  ["overview", "Overview", "overview", "o", ""],
  ["live", "Live", "live", "l", ""],
  ["streams", "Streams", "streams", "d", "Data"],
  ["kv", "Key-value", "kv", "k", "Data"],
  ["credentials", "Credentials", "credentials", "c", "Access"],
  ["sharing", "Sharing", "sharing", "h", "Access"],
  ["connections", "Connections", "connections", "n", "Access"],
  ["activity", "Activity", "activity", "a", "Access"],
  ["settings", "Settings", "settings", "s", "Access"],
];

/** The entry of NAMESPACE_PAGES that an address belongs to, or undefined. */
export const pageAt = (path) => NAMESPACE_PAGES.find(([name]) => name === path.split("/")[3]);

export const streamPath = (id, stream) => url`/namespaces/${id}/streams/${stream}`;
export const bucketPath = (id, bucket) => url`/namespaces/${id}/kv/${bucket}`;
export const namespacePath = (id, page = "overview") => url`/namespaces/${id}/${page}`;
/** Of the API; not a page of this program: a link to it needs a target. */
export const API_DOCS = "/api/docs";
export const membersPath = (projectId) => url`/projects/${projectId}/members`;
