import type { Page } from "playwright-core";

/** One row of the function table, as a person reads it: the name, and all digits of both values. */
export type ReadRow = { readonly name: string; readonly self: number; readonly total: number };

/** The rows in sight, top to bottom. Waits until there is one. */
export async function readRows(page: Page): Promise<ReadRow[]> {
  await page.waitForSelector(".table-row .function-name");
  const texts = await page.$$eval(".table-row", (rows) =>
    rows.map((row) => ({
      name: row.querySelector("button")?.getAttribute("title") ?? "",
      values: [...row.querySelectorAll("td.value")].map((cell) => cell.getAttribute("title") ?? ""),
    })),
  );
  return texts.map(({ name, values }) => ({ name, self: digitsOf(values[0]), total: digitsOf(values[1]) }));
}

export function params(page: Page): URLSearchParams {
  return new URL(page.url()).searchParams;
}

/** "1,234 ns" → 1234. */
function digitsOf(text: string | undefined): number {
  return Number((text ?? "").replaceAll(/[^\d]/g, ""));
}
