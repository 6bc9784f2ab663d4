import { describe, expect, it } from "vitest";
import { createPprofReader } from "../../profile/pprof-reader.ts";
import { encodePprof } from "../../profile/pprof-writer.ts";
import { guessLanguage } from "./language.ts";

describe("guessLanguage", () => {
  it.each<[string, string, string]>([
    ["gospy", "x.py", "go"],
    ["nodespy", "main.go", "nodejs"],
    ["unknown", "runtime/proc.go", "go"],
    ["", "/usr/local/go/src", "go"],
    ["", "java/lang/Thread.run", "java"],
    ["", "sun/misc/Unsafe", "java"],
    ["", "app.rb", "ruby"],
    ["", "./node_modules/x", "nodejs"],
    ["", "server.js", "nodejs"],
    ["", "System.Threading", "dotnet"],
    ["", "views.py", "python"],
    ["", "src/main.rs", "rust"],
    ["", "algo", "unknown"],
    ["", ".g", "unknown"],
  ])("takes spy %j and symbol %j for %s", (spy, symbol, language) => {
    const { strings } = createPprofReader().read(
      encodePprof({ sampleTypes: [{ type: "t", unit: "u" }] }, [{ stack: [{ name: symbol }], values: [1] }]),
    );
    expect(guessLanguage(strings, spy)).toBe(language);
  });
});
