/**
 * The k-th largest of the first `count` values (k from 1), without sorting them: quickselect with the median of three as pivot.
 * Deterministic, whatever the order of the values. O(count) on average; the values are not changed.
 */
export function kthLargest(values: Float64Array, count: number, k: number): number {
  const work = values.slice(0, count);
  let low = 0;
  let high = count - 1;
  const target = k - 1;
  while (low < high) {
    const pivot = medianOfThree(work[low] as number, work[(low + high) >>> 1] as number, work[high] as number);
    // Hoare's partition in descending order.
    let i = low;
    let j = high;
    while (i <= j) {
      while ((work[i] as number) > pivot) i++;
      while ((work[j] as number) < pivot) j--;
      if (i <= j) {
        const swapped = work[i] as number;
        work[i++] = work[j] as number;
        work[j--] = swapped;
      }
    }
    if (target <= j) high = j;
    else if (target >= i) low = i;
    else break;
  }
  return work[target] as number;
}

function medianOfThree(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}
