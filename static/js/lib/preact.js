// The one place that knows where the vendored libraries lie; every other module imports from here.
import { h, render, Fragment } from "../../vendor/preact-11.2.0/preact.js";
import { useEffect, useLayoutEffect, useMemo, useRef, useState, useCallback, useId } from "../../vendor/preact-11.2.0/hooks.js";
import { signal, computed, effect, batch, untracked } from "../../vendor/signals-2.11.4/signals.js";
import htm from "../../vendor/htm-3.1.1/htm.js";

// htm builds elements from the template's parts: no HTML is parsed, so Trusted Types has nothing to forbid.
export const html = htm.bind(h);
export { h, render, Fragment, useEffect, useLayoutEffect, useMemo, useRef, useState, useCallback, useId };
export { signal, computed, effect, batch, untracked };
