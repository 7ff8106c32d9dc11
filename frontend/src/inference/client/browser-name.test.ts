import { expect, it } from "vitest";

import { browserName } from "./browser-name";

it.each([
  ["Mozilla/5.0 (X11) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36", "Chrome 140"],
  ["Mozilla/5.0 Chrome/140.0.0.0 Safari/537.36 Edg/140.0", "Edge 140"],
  ["Mozilla/5.0 (Macintosh) Version/18.1 Safari/605.1", "Safari 18"],
  ["Mozilla/5.0 (X11; rv:130.0) Gecko/20100101 Firefox/130.0", "Firefox 130"],
  ["curl/8", "other"],
])("%s is %s", (userAgent, name) => {
  expect(browserName(userAgent)).toBe(name);
});
