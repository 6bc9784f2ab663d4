/**
 * The code of a TypeScript file with comments and the insides of plain strings blanked out, line by line as before: a rule
 * about calls must not trip over a comment that names one. `${…}` inside a template stays, it is code.
 *
 * A small scanner, not a parser: a regular expression literal is recognised by what stands before it, which is right for
 * formatted code.
 */
export function codeOnly(text: string): string {
  let out = "";
  let at = 0;
  const templateDepths: number[] = [];
  let braces = 0;
  while (at < text.length) {
    const two = text.slice(at, at + 2);
    const char = text[at]!;
    if (two === "//") {
      const end = endOf(text, "\n", at);
      out += blank(text.slice(at, end));
      at = end;
    } else if (two === "/*") {
      const found = text.indexOf("*/", at + 2);
      const end = found < 0 ? text.length : found + 2;
      out += blank(text.slice(at, end));
      at = end;
    } else if (char === '"' || char === "'") {
      const end = endOfString(text, at, char);
      out += char + blank(text.slice(at + 1, end - 1)) + char;
      at = end;
    } else if (char === "`") {
      [out, at] = template(text, at, out, () => templateDepths.push(braces));
    } else if (char === "{") {
      braces++;
      out += char;
      at++;
    } else if (char === "}" && templateDepths.at(-1) === braces) {
      templateDepths.pop();
      [out, at] = template(text, at, out, () => templateDepths.push(braces));
    } else if (char === "}") {
      braces--;
      out += char;
      at++;
    } else if (char === "/" && startsRegExp(out)) {
      const end = endOfRegExp(text, at);
      out += "/" + blank(text.slice(at + 1, end - 1)) + "/";
      at = end;
    } else {
      out += char;
      at++;
    }
  }
  return out;
}

/** Copies from a backtick (or the `}` that ends a `${…}`) to the closing backtick or the next `${`. */
function template(text: string, from: number, out: string, opened: () => void): [string, number] {
  let at = from + 1;
  while (at < text.length) {
    if (text[at] === "\\") at += 2;
    else if (text[at] === "`") return [out + text[from] + blank(text.slice(from + 1, at)) + "`", at + 1];
    else if (text.startsWith("${", at)) {
      opened();
      return [out + text[from] + blank(text.slice(from + 1, at)) + "  ", at + 2];
    } else at++;
  }
  return [out + blank(text.slice(from)), text.length];
}

function endOf(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from);
  return found < 0 ? text.length : found;
}

function endOfString(text: string, from: number, quote: string): number {
  let at = from + 1;
  while (at < text.length && text[at] !== quote && text[at] !== "\n") at += text[at] === "\\" ? 2 : 1;
  return Math.min(at + 1, text.length);
}

function endOfRegExp(text: string, from: number): number {
  let at = from + 1;
  let inClass = false;
  while (at < text.length && text[at] !== "\n") {
    if (text[at] === "\\") at++;
    else if (text[at] === "[") inClass = true;
    else if (text[at] === "]") inClass = false;
    else if (text[at] === "/" && !inClass) return at + 1;
    at++;
  }
  return at;
}

/** After an operand a slash divides; after an operator, a bracket or a keyword it opens a regular expression. */
function startsRegExp(before: string): boolean {
  return /(^|[=(,:;!&|?{}[+\-*%<>~^]|\b(?:return|typeof|case|in|of|void|delete))\s*$/.test(before.slice(-60));
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, " ");
}
