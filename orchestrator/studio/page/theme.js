// Sets the colours before anything is drawn: a plain script, for modules run too late. What was chosen comes in from
// localStorage (auto, light or dark); <html data-theme> goes out.

try {
  document.documentElement.dataset.theme = localStorage.getItem("theme") || "auto";
} catch {
  document.documentElement.dataset.theme = "auto"; // storage may be refused
}
