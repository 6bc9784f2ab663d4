import { describe, expect, it } from "vitest";
import { lookAhead } from "./look-ahead.ts";

/** Work that is finished by hand. */
class Desk {
  readonly started: number[] = [];
  readonly #finish = new Map<number, { resolve: (value: number) => void; reject: (error: Error) => void }>();

  readonly start = (item: number): Promise<number> => {
    this.started.push(item);
    return new Promise((resolve, reject) => this.#finish.set(item, { resolve, reject }));
  };
  finish(item: number): void {
    this.#finish.get(item)!.resolve(item * 10);
  }
  fail(item: number): void {
    this.#finish.get(item)!.reject(new Error(`no ${item}`));
  }
}

const COUNT_ONLY = { countMax: 2, weightMax: Number.POSITIVE_INFINITY, weightOf: () => 1 };

describe("lookAhead", () => {
  it("gives results in order, however the work ends, and runs no further ahead than allowed", async () => {
    const desk = new Desk();
    const results = lookAhead([1, 2, 3, 4], COUNT_ONLY, desk.start);
    const first = results.next();
    expect(desk.started).toEqual([1, 2]);
    desk.finish(2);
    desk.finish(1);
    expect((await first).value).toBe(10);
    const second = results.next();
    expect((await second).value).toBe(20);
    expect(desk.started).toEqual([1, 2, 3]);
    const third = results.next();
    desk.finish(3);
    expect((await third).value).toBe(30);
    const fourth = results.next();
    desk.finish(4);
    expect([(await fourth).value, (await results.next()).done]).toEqual([40, true]);
  });

  it("starts what is too heavy for the bound alone", async () => {
    const desk = new Desk();
    const results = lookAhead([7, 1, 1], { countMax: 8, weightMax: 5, weightOf: (item) => item }, desk.start);
    const first = results.next();
    expect(desk.started).toEqual([7]);
    desk.finish(7);
    await first;
    void results.next();
    expect(desk.started).toEqual([7, 1, 1]);
  });

  it("fails at the turn of what failed, and starts nothing more", async () => {
    const desk = new Desk();
    const results = lookAhead([1, 2, 3], COUNT_ONLY, desk.start);
    const first = results.next();
    desk.fail(2);
    desk.finish(1);
    expect((await first).value).toBe(10);
    await expect(results.next()).rejects.toThrow("no 2");
    expect((await results.next()).done).toBe(true);
  });
});
