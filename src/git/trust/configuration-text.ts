/** Writes git's configuration files: `git config` would be one process for each setting. */

/**
 * Returns the text of a configuration file (git-config(1), "Syntax") with these settings, in this order.
 * @param settings keys as git lists them (`section.variable`, `section.subsection.variable`) and their values
 */
export const configurationText = (settings: Iterable<readonly [key: string, value: string]>): string =>
  [...settings].map(([key, value]) => entryText(key, value)).join('');

function entryText(key: string, value: string): string {
  const first = key.indexOf('.');
  const last = key.lastIndexOf('.');
  const subsection = first === last ? '' : ` ${quoted(key.slice(first + 1, last))}`;
  return `[${key.slice(0, first)}${subsection}]\n\t${key.slice(last + 1)} = ${quoted(value)}\n`;
}

/** A subsection, or a value: git reads `\n` as the end of a line in a value alone, and a subsection has none. */
export const quoted = (text: string): string =>
  `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
