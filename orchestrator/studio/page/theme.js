// Sets <html data-theme> to the stored choice (auto, light or dark) before anything is drawn: a plain script, because
// modules run too late.

try {
  document.documentElement.dataset.theme = localStorage.getItem("theme") || "auto";
} catch {
  document.documentElement.dataset.theme = "auto"; // storage may be blocked
}
