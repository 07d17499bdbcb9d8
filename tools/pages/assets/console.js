// Refreshes a page's figures, and copies sentences. Every page works without it.
"use strict";

const said = document.getElementById("said");
const pause = document.getElementById("pause");
const seconds = Number(document.body.dataset.refresh);
let isPaused = false;
let isAsking = false;

// What the reader is in the middle of is never replaced: a selection, or a field, a link or a button with the focus.
function isInUse(live) {
  const selection = document.getSelection();
  const selects = selection && !selection.isCollapsed && live.contains(selection.anchorNode);
  const fields = [...live.querySelectorAll("input")];
  const isFilled = fields.some((one) => one.checked !== one.defaultChecked || one.value !== one.defaultValue);
  return selects || isFilled || live.contains(document.activeElement);
}

async function refresh() {
  const live = document.getElementById("live");
  if (!live || isPaused || isAsking || document.hidden) return;
  if (isInUse(live)) {
    said.textContent = said.dataset.inUse;
    return;
  }
  isAsking = true;
  let answer;
  try {
    answer = await fetch(location.href, { cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    const news = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
    if (news && !isInUse(live)) {
      live.replaceWith(document.adoptNode(news));
      showCopyButtons();
      said.textContent = "";
    }
  } catch {
    said.textContent = answer ? said.dataset.stack : said.dataset.console;
  } finally {
    isAsking = false;
  }
}

function showCopyButtons() {
  for (const button of document.querySelectorAll("button.copy")) button.hidden = !navigator.clipboard;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copy");
  if (!button) return;
  await navigator.clipboard.writeText(button.parentElement.querySelector("span").textContent);
  said.textContent = button.dataset.said;
});

showCopyButtons();
if (pause && seconds > 0) {
  pause.hidden = false;
  pause.addEventListener("click", () => {
    isPaused = !isPaused;
    pause.setAttribute("aria-pressed", String(isPaused));
    pause.textContent = isPaused ? pause.dataset.go : pause.dataset.pause;
  });
  setInterval(refresh, seconds * 1000);
}
