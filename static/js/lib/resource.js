// Loading something for a page: data, loading, error, reload; the answer of an abandoned request is dropped.
import { useCallback, useEffect, useRef, useState } from "./preact.js";

/** `loader(signal)` is called again whenever a value in `deps` changes, and by `reload`; old data stays visible meanwhile. */
export function useResource(loader, deps) {
  const [state, setState] = useState({ data: null, error: null, loading: true });
  const running = useRef(null);
  const load = useCallback(async () => {
    running.current?.abort();
    const abort = (running.current = new AbortController());
    setState((old) => ({ ...old, loading: true }));
    try {
      const data = await loader(abort.signal);
      if (!abort.signal.aborted) setState({ data, error: null, loading: false });
    } catch (error) {
      if (!abort.signal.aborted) setState((old) => ({ data: old.data, error, loading: false }));
    }
  }, deps);
  useEffect(() => {
    setState({ data: null, error: null, loading: true });
    load();
    return () => running.current?.abort();
  }, [load]);
  const change = useCallback((f) => setState((old) => (old.data ? { ...old, data: f(old.data) } : old)), []);
  return { ...state, reload: load, change };
}

/** Calls `action` every `ms` while the page is visible. */
export function useEvery(ms, action) {
  const latest = useRef(action);
  latest.current = action;
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === "visible" && latest.current(), ms);
    return () => clearInterval(timer);
  }, [ms]);
}

/** The current time as state, so that "3 s ago" goes on. */
export function useNow(ms = 5000) {
  const [now, setNow] = useState(Date.now());
  useEvery(ms, () => setNow(Date.now()));
  return now;
}
