// Keeps the theme that was chosen, before the first paint, and folds out what is to be printed.
(() => {
  const KEY = "afterhype-theme";
  const root = document.documentElement;
  const remembered = () => {
    try { return localStorage.getItem(KEY) ?? "auto"; } catch { return "auto"; }
  };
  const remember = theme => {
    try { localStorage.setItem(KEY, theme); } catch { /* a page that may not store still shows */ }
  };
  const show = theme => {
    if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme;
  };
  show(remembered());

  document.addEventListener("DOMContentLoaded", () => {
    const select = document.getElementById("theme");
    select.value = remembered();
    select.closest("form").hidden = false;
    select.addEventListener("change", () => { show(select.value); remember(select.value); });
  });

  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    for (const details of folded) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of folded) details.open = false;
  });
})();
