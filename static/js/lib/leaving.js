// Asking before what exists only in this page is lost with it.
import { useEffect } from "./preact.js";

/** While `needed`, the browser asks before it lets the person leave. */
export function useLeaveWarning(needed) {
  useEffect(() => {
    if (!needed) return undefined;
    const warn = (event) => event.preventDefault();
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, [needed]);
}
