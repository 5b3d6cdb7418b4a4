// The tail's filters: in the URL's query, as chips, and in the form that the server takes. Pure.

export const MODES = [["all", "All"], ["one_in", "1 in N"], ["latest", "Latest per subject"]];
export const KINDS = [["subject", "Subject"], ["not", "Not subject"], ["header", "Header"], ["contains", "Payload"]];
const MOST = { subject: 16, not: 16, header: 8, contains: 1 };
const TEXT_MAX = 256;

/** {subject: [], not: [], header: ["Name" or "Name:value"], contains, mode, n} from a URL's query. */
export function fromQuery(query) {
  const mode = MODES.some(([name]) => name === query.get("mode")) ? query.get("mode") : "all";
  const n = Math.min(1_000_000, Math.max(1, Math.trunc(Number(query.get("n"))) || 10));
  return { subject: query.getAll("subject"), not: query.getAll("not"), header: query.getAll("header"), contains: query.get("contains") || "", mode, n };
}

export function toQuery({ subject, not, header, contains, mode, n }) {
  return { subject, not, header, contains, mode: mode === "all" ? null : mode, n: mode === "one_in" ? String(n) : null };
}

function headerFilter(text) {
  const colon = text.indexOf(":");
  return colon < 0 ? { name: text.trim(), value: null } : { name: text.slice(0, colon).trim(), value: text.slice(colon + 1).trim() };
}

/** The "open" message without its op. */
export function toOpen({ subject, not, header, contains, mode, n }) {
  return { subjects: subject.length ? subject : [">"], exclude: not, headers: header.map(headerFilter), payload_contains: contains, mode, n: mode === "one_in" ? n : 1 };
}

/** [[kind, value, words], …] in the order in which they are shown. */
export function chips(filters) {
  return [
    ...filters.subject.map((value) => ["subject", value, value]),
    ...filters.not.map((value) => ["not", value, `not ${value}`]),
    ...filters.header.map((value) => ["header", value, value.includes(":") ? `header ${value.replace(/:\s*/, " = ")}` : `header ${value}`]),
    ...(filters.contains ? [["contains", filters.contains, `contains “${filters.contains}”`]] : []),
  ];
}

export function withChip(filters, kind, value) {
  if (kind === "contains") return { ...filters, contains: value };
  return filters[kind].includes(value) ? filters : { ...filters, [kind]: [...filters[kind], value] };
}

export function withoutChip(filters, kind, value) {
  return kind === "contains" ? { ...filters, contains: "" } : { ...filters, [kind]: filters[kind].filter((one) => one !== value) };
}

function subjectWrong(value) {
  if (/\s/.test(value)) return "A subject has no spaces.";
  const tokens = value.split(".");
  if (tokens.some((token) => token === "")) return "A subject has no empty part: no dot at an end, no two dots in a row.";
  if (tokens.slice(0, -1).includes(">")) return "> stands for everything after it, so it comes last.";
  return null;
}

/** Why a filter can't be added, or null. */
export function chipWrong(filters, kind, value) {
  if (!value) return "Type something to filter by.";
  if (value.length > TEXT_MAX) return `At most ${TEXT_MAX} characters.`;
  if (kind !== "contains" && filters[kind].length >= MOST[kind]) return `At most ${MOST[kind]} of these.`;
  if (kind === "subject" || kind === "not") return subjectWrong(value);
  return kind === "header" && !headerFilter(value).name ? "A header filter begins with the header's name." : null;
}
