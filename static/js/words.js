/** Texts in the person's language, from Django's catalogue (/words.js); without it they are what the code says. */

const catalogue = globalThis.django ?? {};

/** Return a text with its %(name)s filled in. */
export function gettext(text, values = {}) {
  return fill(catalogue.gettext?.(text) ?? text, values);
}

/** Return the singular or the plural for a number, which fills %(n)s unless `values` says otherwise. */
export function ngettext(one, many, number, values = {}) {
  const text = catalogue.ngettext?.(one, many, number) ?? (number === 1 ? one : many);
  return fill(text, { n: number.toLocaleString("en-US"), ...values });
}

function fill(text, values) {
  return text.replaceAll(/%\((\w+)\)s/g, (whole, name) => String(values[name] ?? whole)).replaceAll("%%", "%");
}
