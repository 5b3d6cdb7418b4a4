// Light, dark, or as the system says. The choice is stored as bare text, because theme-boot.js reads it before any module.
import { signal } from "./preact.js";

export const THEMES = ["system", "light", "dark"];
const darkSystem = matchMedia("(prefers-color-scheme: dark)");

function stored() {
  try {
    const theme = localStorage.getItem("wireroom.theme");
    return THEMES.includes(theme) ? theme : "system";
  } catch {
    return "system";
  }
}

export const theme = signal(stored());

function apply() {
  const dark = theme.value === "dark" || (theme.value === "system" && darkSystem.matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}

export function chooseTheme(chosen) {
  theme.value = chosen;
  try {
    localStorage.setItem("wireroom.theme", chosen);
  } catch {
    // lasts as long as the page
  }
  apply();
}

export const nextTheme = () => chooseTheme(THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length]);

darkSystem.addEventListener("change", apply);
