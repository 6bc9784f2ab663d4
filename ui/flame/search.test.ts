import { describe, expect, it } from "vitest";
import { EXAMPLE } from "./example.fixture.ts";
import { decodeFlameGraph } from "./flame-graph.ts";
import { nameTest, searchGraph } from "./search.ts";

describe("nameTest", () => {
  it("finds plain text anywhere, whatever its case", () => {
    expect(nameTest("SERVE")!("net/http.(*conn).serve")).toBe(true);
    expect(nameTest("serve.")!("net/http.(*conn).serve")).toBe(false);
  });
  it("takes text between slashes as a regular expression", () => {
    expect(nameTest("/^main\\./")!("main.work")).toBe(true);
    expect(nameTest("/^main\\./")!("domain.work")).toBe(false);
  });
  it("takes an expression that does not parse yet as plain text", () => {
    expect(nameTest("/(/")!("a/(/b")).toBe(true);
    expect(nameTest("/(/")!("ab")).toBe(false);
  });
  it("searches nothing when there is no text", () => expect(nameTest("  ")).toBeUndefined());
});

describe("searchGraph", () => {
  const graph = decodeFlameGraph(EXAMPLE);
  it("counts a value once though it matches twice on its path", () => {
    const found = searchGraph(graph, (name) => name === "a");
    expect(found).toMatchObject({ total: 7, share: 0.7, frameCount: 2, functionCount: 1 });
  });
  it("adds up frames on different paths", () => {
    expect(searchGraph(graph, (name) => name === "b")).toMatchObject({ total: 5, share: 0.5, frameCount: 2 });
  });
  it("never matches the synthetic root", () => {
    expect(searchGraph(graph, (name) => name === "total")).toMatchObject({ total: 0, frameCount: 0 });
  });
});
