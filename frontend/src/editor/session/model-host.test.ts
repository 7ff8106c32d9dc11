import { describe, expect, it } from "vitest";

import { settle } from "../prompting/fake-decoder";
import { ModelHost } from "./model-host";

class Bench {
  readonly said: string[] = [];
  readonly opening: { url: string; resolve(info: string): void; reject(error: Error): void }[] = [];
  readonly host = new ModelHost<string>("/api/v1", {
    open: (url) => new Promise((resolve, reject) => this.opening.push({ url, resolve, reject })),
    onOpening: () => this.said.push("opening"),
    onOpened: (info) => this.said.push(info),
    onFailed: (error) => this.said.push(String(error)),
  });
}

describe("the model of the open image", () => {
  it("is opened once, however often it is asked for", () => {
    const bench = new Bench();
    void bench.host.use("lite-1");
    void bench.host.use("lite-1");
    expect(bench.opening.map(({ url }) => url)).toEqual(["/api/v1/models/lite-1/manifest.json"]);
  });

  it("is the last one asked for, in whichever order the answers come", async () => {
    const bench = new Bench();
    void bench.host.use("lite-1");
    void bench.host.use("lite-2");
    bench.opening[1].resolve("two");
    bench.opening[0].resolve("one");
    await settle();
    expect(bench.said).toEqual(["opening", "opening", "two"]);
  });

  it("is tried again after a failure", async () => {
    const bench = new Bench();
    void bench.host.use("lite-1");
    bench.opening[0].reject(new Error("gone"));
    await settle();
    void bench.host.use("lite-1");
    expect(bench.said).toEqual(["opening", "Error: gone", "opening"]);
    expect(bench.opening).toHaveLength(2);
  });
});
