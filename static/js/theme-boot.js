// Runs before the first paint, hence no module: the stored theme must be on <html> before anything is drawn.
(function () {
  var chosen = null;
  try { chosen = localStorage.getItem("wireroom.theme"); } catch (error) { /* storage may be forbidden */ }
  var dark = chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
