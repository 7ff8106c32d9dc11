/**
 * The one error boundary of every page: what nobody caught is told to the person in one sentence and to the server's
 * log. Runs before everything else, in any browser: a classic script in the language of 2015, without imports.
 *
 * The workspace says it in its own words and with what is kept (event "maskwright-fault", see platform/faults.ts);
 * everywhere else, and when the workspace's script did not come or did not start, the page's own line is shown.
 */
(function () {
  "use strict";

  var REPORTS_A_PAGE = 5;
  var SAME_AGAIN_MS = 10000;
  var reports = 0;
  var last = { reason: "", at: 0 };

  /** Text of at most that length which every parser takes: no NUL, no half of a letter at its end. */
  function cut(value, length) {
    var text = String(value === undefined || value === null ? "" : value);
    return text.slice(0, length).replace(/\0/g, " ").replace(/[\ud800-\udbff]$/, "");
  }

  /** What is no fault of the page: a request given up on purpose, a layout that settles a frame later, an extension. */
  function isNoFault(reason, error, file) {
    if (error && error.name === "AbortError") return true;
    if (/^ResizeObserver loop/.test(reason) || reason === "Script error.") return true;
    return Boolean(file) && file.indexOf(location.origin) !== 0;
  }

  function take(kind, reason, error, file) {
    if (isNoFault(reason, error, file)) return;
    var now = Date.now();
    if (reason === last.reason && now - last.at < SAME_AGAIN_MS) return;
    last = { reason: reason, at: now };
    report(kind, reason, error);
    var told = new CustomEvent("maskwright-fault", { cancelable: true, detail: { reason: reason } });
    if (window.dispatchEvent(told)) show(reason);
  }

  function show(reason) {
    var line = document.getElementById("page-fault");
    if (!line) {
      document.addEventListener("DOMContentLoaded", function () {
        if (document.getElementById("page-fault")) show(reason);
      });
      return;
    }
    line.querySelector("[data-fault-reason]").textContent = reason;
    line.hidden = false;
  }

  function csrf() {
    var field = document.querySelector("input[name=csrfmiddlewaretoken]");
    var cookie = /(?:^|; )csrftoken=([^;]+)/.exec(document.cookie);
    return field ? field.value : cookie ? cookie[1] : "";
  }

  function report(kind, reason, error) {
    if (reports >= REPORTS_A_PAGE || typeof fetch !== "function") return;
    reports += 1;
    fetch("/api/v1/page-faults", {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", "X-CSRFToken": csrf() },
      body: JSON.stringify({
        kind: kind,
        reason: cut(reason, 500),
        stack: cut(error && error.stack, 4000),
        path: cut(location.pathname, 300),
      }),
    }).catch(function () {
      // The log is the second way; the person has been told.
    });
  }

  function isPartOfThePage(element) {
    return element.tagName === "SCRIPT" || (element.tagName === "LINK" && element.rel === "stylesheet");
  }

  // A script or style that does not come tells its own element only, so the event is caught on its way down.
  window.addEventListener(
    "error",
    function (event) {
      var element = event.target;
      if (element instanceof Element) {
        if (isPartOfThePage(element)) take("script", (element.src || element.href) + " did not load.", null, "");
        return;
      }
      take("error", cut(event.message, 500), event.error, event.filename);
    },
    true
  );
  window.addEventListener("unhandledrejection", function (event) {
    var why = event.reason;
    take("rejection", cut((why && why.message) || why || "A promise was rejected.", 500), why, "");
  });
  document.addEventListener("click", function (event) {
    var button = event.target instanceof Element && event.target.closest("[data-fault-reload], [data-fault-close]");
    if (!button) return;
    if (button.hasAttribute("data-fault-reload")) location.reload();
    else document.getElementById("page-fault").hidden = true;
  });
})();
