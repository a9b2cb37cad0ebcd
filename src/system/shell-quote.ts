/** Quotes `text` for a POSIX shell, as one word. */
export const shellQuoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
