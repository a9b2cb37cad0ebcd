/** Draws a series as a text plot. */

const HEIGHT = 10;

/** One column for each value, scaled from 0 to the largest. */
export function plot(values: readonly number[], { title }: { readonly title: string }): string {
  const top = Math.max(...values);
  const rows = Array.from({ length: HEIGHT }, (_, row) => {
    const level = (top * (HEIGHT - row)) / HEIGHT;
    const axis = level.toFixed(0).padStart(6);
    const line = values.map((value) => (value >= level - top / HEIGHT / 2 ? '█' : ' ')).join('');
    return `${axis} ┤${line}`;
  });
  return [title, ...rows, `${'0'.padStart(6)} ┼${'─'.repeat(values.length)}`].join('\n');
}
