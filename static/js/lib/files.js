// Handing something to the person: a file from memory, the clipboard.

/** The browser saves `content` as a file; it never leaves this machine. */
export function download(name, content, type = "text/plain") {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000); // the download has its own reference by then
}

function copyBySelection(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "sr-only";
  (document.querySelector("dialog[open]") || document.body).append(area); // outside a modal dialog nothing can be selected
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

/** True when the text is on the clipboard. The clipboard API exists in secure contexts only, hence the second way. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}
