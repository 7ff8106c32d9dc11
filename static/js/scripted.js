/**
 * Controls that only a script answers: the server renders them disabled (`data-scripted disabled`, most often on a
 * fieldset around them), and the script enables them once it listens. So no click is lost and no form is sent the
 * browser's own way, however late the script comes.
 */

/** Enable the controls below `root`: all of the page, or what a script has just put in. */
export function enableScripted(root = document) {
  for (const part of root.querySelectorAll("[data-scripted]")) part.disabled = false;
}
