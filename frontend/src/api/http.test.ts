import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";

import { ApiError, makeHttpClient, type HttpClient } from "./http";

/** A real server: it answers with what it was asked, and knows one state by a tag. */
let server: Server;
let client: HttpClient;

beforeAll(async () => {
  server = createServer((request, response) => {
    const { headers, method } = request;
    if (request.url === "/api/gone") {
      response.writeHead(404).end(JSON.stringify({ code: "missing", message: "It is gone.", extra: 7 }));
    } else if (headers["if-none-match"] === '"two"') {
      response.writeHead(304).end();
    } else {
      const said = { method, token: headers["x-csrftoken"] ?? "", type: headers["content-type"] ?? "" };
      response.writeHead(200, { ETag: '"two"' }).end(JSON.stringify(said));
    }
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  client = makeHttpClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}/api`, "token");
});

afterAll(() => void server.close());

it("sends the token and a body's type only with what changes something", async () => {
  expect(await client.get("/one")).toEqual({ method: "GET", token: "", type: "" });
  expect(await client.send("DELETE", "/one")).toEqual({ method: "DELETE", token: "token", type: "" });
  expect(await client.send("POST", "/one", {})).toEqual({ method: "POST", token: "token", type: "application/json" });
});

it("reads again only what is in another state than the one it knows", async () => {
  const first = await client.getChanged("/one", "");
  expect(first?.tag).toBe('"two"');
  expect(await client.getChanged("/one", '"two"')).toBeNull();
  expect((await client.getChanged("/one", '"one"'))?.tag).toBe('"two"');
});

it("says what the server said when it refuses", async () => {
  const refused = client.getChanged("/gone", '"one"');
  await expect(refused).rejects.toThrow(ApiError);
  await expect(client.get("/gone")).rejects.toMatchObject({ status: 404, code: "missing", message: "It is gone." });
});
