// SPDX-License-Identifier: Apache-2.0
// Starts the scripts of GOV.UK Frontend, says when the live list stands still, and ticks many boxes at once.
// Every page does its work without it.

import { initAll } from "./govuk-frontend.min.js";

document.body.classList.add("js-enabled", "govuk-frontend-supported");
initAll();

const stale = document.getElementById("stale");
if (stale) {
  for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    document.body.addEventListener(failure, () => { stale.hidden = false; });
  }
  document.body.addEventListener("htmx:beforeOnLoad", (event) => {
    if (event.detail.xhr.status < 400) stale.hidden = true;
  });
}

for (const bar of document.querySelectorAll(".sw-bar__ticks")) {
  bar.hidden = false;
  for (const button of bar.querySelectorAll("button")) {
    button.addEventListener("click", () => {
      for (const box of button.form.querySelectorAll("input[type=checkbox]:not(:disabled)")) {
        box.checked = button.dataset.ticks === "all";
      }
    });
  }
}
