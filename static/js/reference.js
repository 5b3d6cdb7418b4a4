// The API reference: draws the OpenAPI description that the server gives; nothing about the API stands here.
import { html, render, useEffect, useMemo, useState } from "./lib/preact.js";
import { get } from "./lib/http.js";

const DEPTH_MAX = 6;

/** [{id, verb, path, tag, operation}] in the description's order. */
function operationsOf(description) {
  return Object.entries(description.paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).map(([verb, operation]) => ({ id: operation.operationId, verb, path, tag: operation.tags[0], operation })));
}

/** The schema behind a reference, with the name by which it was referred to. */
function resolved(description, schema) {
  const inner = schema.$ref ? schema : schema.allOf?.length === 1 ? { ...schema.allOf[0] } : schema;
  if (!inner.$ref) return { name: "", ...inner };
  const name = inner.$ref.split("/").pop();
  return { name, ...description.components.schemas[name], nullable: schema.nullable };
}

function kindOf(description, schema) {
  const found = resolved(description, schema);
  const base = found.enum ? found.enum.map((value) => JSON.stringify(value)).join(" | ")
    : found.type === "array" ? `${kindOf(description, found.items)}[]`
    : found.oneOf ? found.oneOf.map((one) => kindOf(description, one)).join(" | ")
    : found.format || found.name || found.type || "any";
  const span = [found.minimum ?? found.minLength, found.maximum ?? found.maxLength];
  const bounds = span.some((end) => end !== undefined) ? ` ${span[0] ?? ""}…${span[1] ?? ""}` : "";
  return base + bounds + (found.nullable ? " | null" : "");
}

function Field({ description, name, schema, required, asked, depth }) {
  const found = resolved(description, schema);
  const inner = found.type === "array" ? resolved(description, found.items) : found;
  const more = inner.properties && depth < DEPTH_MAX;
  return html`<div>
    <span class="mono">${name}</span> <span class="kind mono">${kindOf(description, schema)}</span>${asked && required && html` <span class="must">required</span>`}
    ${(schema.description || found.description) && html`<span class="dim"> — ${schema.description || found.description}</span>`}
    ${"default" in found && html`<span class="dim"> Default: <span class="mono">${JSON.stringify(found.default)}</span></span>`}
    ${more && html`<${Fields} description=${description} schema=${inner} asked=${asked} depth=${depth + 1} />`}
  </div>`;
}

function Fields({ description, schema, asked = false, depth = 0 }) {
  const { properties = {}, required = [] } = resolved(description, schema);
  return html`<div class="fields">${Object.entries(properties).map(([name, one]) =>
    html`<${Field} key=${name} description=${description} name=${name} schema=${one} required=${required.includes(name)} asked=${asked} depth=${depth} />`)}</div>`;
}

function schemaOf(content) {
  return Object.values(content || {})[0]?.schema;
}

function Details({ description, operation }) {
  const { parameters = [], requestBody, responses } = operation;
  const asked = schemaOf(requestBody?.content);
  const answers = Object.entries(responses).filter(([status]) => status < 400);
  const errors = Object.keys(responses).filter((status) => status >= 400);
  return html`<div class="inside">
    ${operation.description && html`<p class="dim">${operation.description}</p>`}
    ${parameters.length > 0 && html`<h3>Parameters</h3><div class="fields">${parameters.map((one) => html`<div key=${one.name}>
      <span class="mono">${one.name}</span> <span class="kind mono">${kindOf(description, one.schema)}</span> <span class="dim">in ${one.in}${one.description ? ` — ${one.description}` : ""}</span></div>`)}</div>`}
    ${asked && html`<h3>Request body</h3><${Fields} description=${description} schema=${asked} asked=${true} />`}
    ${answers.map(([status, answer]) => html`<h3 key=${status}>Answer ${status}</h3>${schemaOf(answer.content)
      ? html`<${Fields} description=${description} schema=${schemaOf(answer.content)} />` : html`<p class="dim">Without a body.</p>`}`)}
    <p class="dim">Errors (${errors.join(", ")}) all have the form of <a href="#Error">Error</a>.</p>
  </div>`;
}

function Operation({ description, entry, open }) {
  const { id, verb, path, operation } = entry;
  const [opened, setOpened] = useState(open);
  useEffect(() => { if (open) setOpened(true); }, [open]);
  return html`<details class="operation" id=${id} open=${opened} onToggle=${(event) => setOpened(event.currentTarget.open)}>
    <summary><span class="verb ${verb}">${verb.toUpperCase()}</span><span class="mono">${path}</span><span class="dim">${operation.summary}</span></summary>
    ${opened && html`<${Details} description=${description} operation=${operation} />`}
  </details>`;
}

function useHash() {
  const [hash, setHash] = useState(location.hash.slice(1));
  useEffect(() => {
    const changed = () => setHash(location.hash.slice(1));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return hash;
}

function grouped(entries) {
  const groups = new Map();
  for (const entry of entries) groups.set(entry.tag, [...(groups.get(entry.tag) || []), entry]);
  return [...groups];
}

function Reference({ description }) {
  const [filter, setFilter] = useState("");
  const hash = useHash();
  const all = useMemo(() => operationsOf(description), [description]);
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = all.filter(({ verb, path, tag, operation }) => words.every((word) => `${verb} ${path} ${tag} ${operation.summary}`.toLowerCase().includes(word)));
  useEffect(() => { document.getElementById(hash)?.scrollIntoView(); }, [hash]);
  return html`<div class="reference">
    <nav aria-label="Operations">
      <p><a href="/">Wireroom</a></p>
      <input type="search" aria-label="Filter operations" placeholder="Filter" value=${filter} onInput=${(event) => setFilter(event.currentTarget.value)} />
      ${grouped(shown).map(([tag, entries]) => html`<h2 key=${tag}>${tag}</h2><ul>${entries.map(({ id, operation }) => html`<li key=${id}><a href=${`#${id}`}>${operation.summary}</a></li>`)}</ul>`)}
    </nav>
    <main>
      <h1>API reference <span class="dim">${description.info.version}</span></h1>
      <p class="intro">${description.info.description} The description itself: <a href="/api/schema">/api/schema</a>.</p>
      <p class="intro">Programs send the secret key of an API key as <span class="mono">X-Auth-Token</span>; <span class="mono">manage.py api_key create</span> makes one.</p>
      ${shown.length === 0 && html`<p role="status">Nothing is called like that.</p>`}
      ${grouped(shown).map(([tag, entries]) => html`<h2 key=${tag}>${tag}</h2>${entries.map((entry) => html`<${Operation} key=${entry.id} description=${description} entry=${entry} open=${entry.id === hash} />`)}`)}
      <section id="Error"><h2>Error</h2><${Fields} description=${description} schema=${{ $ref: "#/components/schemas/Error" }} /></section>
    </main>
  </div>`;
}

const app = document.getElementById("app");
try {
  const description = await get(app.dataset.schema);
  app.textContent = "";
  render(html`<${Reference} description=${description} />`, app);
} catch (error) {
  app.textContent = error.message;
}
