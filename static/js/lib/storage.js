// Small settings of this browser. Storage may be forbidden or full: then they last as long as the page.
const memory = new Map();

export function load(name, otherwise = null) {
  try {
    const text = localStorage.getItem(`wireroom.${name}`);
    if (text === null) return memory.has(name) ? memory.get(name) : otherwise;
    return JSON.parse(text);
  } catch {
    return memory.has(name) ? memory.get(name) : otherwise;
  }
}

export function save(name, value) {
  memory.set(name, value);
  try {
    localStorage.setItem(`wireroom.${name}`, JSON.stringify(value));
  } catch {
    // kept in memory
  }
}
