// The page's side of the live worker: what it said last, as signals; questions with answers.
import { signal } from "../lib/preact.js";
import { session } from "../state/session.js";

/** Longer than a glance at another tab: only then does the server stop sending rows. */
const HIDDEN_AFTER_MS = 60_000;

const workerAddress = () => new URL(document.getElementById("app").dataset.liveWorker, location.href).href;

// Starting a worker is a Trusted Types sink. This is the page's only policy, and it lets one address through.
const policy = (() => {
  try {
    return window.trustedTypes?.createPolicy("wireroom-worker", {
      createScriptURL: (address) => {
        if (address !== workerAddress()) throw new TypeError("only the live worker may be started");
        return address;
      },
    });
  } catch {
    return undefined; // the server's Content-Security-Policy allows none: the constructor below says so
  }
})();

function startWorker() {
  const address = workerAddress();
  return new Worker(policy ? policy.createScriptURL(address) : address, { type: "module" });
}

export class Tail {
  constructor(namespaceId, filters) {
    /** {state: "connecting" | "live" | "waiting" | "denied" | "unknown" | "signed-out" | "failed", …} */
    this.state = signal({ state: "connecting" });
    this.stats = signal(null);
    this.refusal = signal(null); // {field, message}: the filters weren't accepted
    this.brokerUp = signal(true);
    this.onRows = () => {};
    this.questions = new Map();
    this.nextQuestion = 1;
    this.hiddenTimer = 0;
    this.onVisibility = () => this.watchHidden();
    try {
      this.worker = startWorker();
    } catch {
      this.state.value = { state: "failed" };
      return;
    }
    this.worker.onmessage = ({ data }) => this.take(data);
    this.worker.onerror = () => (this.state.value = { state: "failed" });
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.post({ op: "start", address: `${scheme}://${location.host}/ws/namespaces/${encodeURIComponent(namespaceId)}/tail`, filters });
    document.addEventListener("visibilitychange", this.onVisibility);
  }

  post(message) {
    this.worker?.postMessage(message);
  }

  take(message) {
    if (message.op === "rows") this.onRows(message);
    else if (message.op === "stats") this.stats.value = message;
    else if (message.op === "state") this.takeState(message);
    else if (message.op === "error") this.refusal.value = message;
    else if (message.op === "broker") this.brokerUp.value = message.up;
    else if (message.op === "answer") {
      this.questions.get(message.id)?.(message.value);
      this.questions.delete(message.id);
    }
  }

  takeState(message) {
    this.state.value = message;
    if (message.state === "live") this.refusal.value = null;
    if (message.state === "signed-out") session.value = { ...session.value, user: null };
  }

  /** A question to the worker that has one answer. */
  ask(message) {
    const id = this.nextQuestion++;
    this.post({ ...message, id });
    return new Promise((resolve) => this.questions.set(id, resolve));
  }

  setFilters(filters) {
    this.refusal.value = null;
    this.post({ op: "filters", filters });
  }

  watchHidden() {
    clearTimeout(this.hiddenTimer);
    if (document.visibilityState === "visible") this.post({ op: "hidden", hidden: false });
    else this.hiddenTimer = setTimeout(() => this.post({ op: "hidden", hidden: true }), HIDDEN_AFTER_MS);
  }

  close() {
    document.removeEventListener("visibilitychange", this.onVisibility);
    clearTimeout(this.hiddenTimer);
    this.worker?.terminate(); // ends its socket, too
  }
}
