/** Finds the reason in the output of a failed command; the last line is rarely the reason. */

/** Lines that tools print around the reason. */
const NOISE = [
  /^npm (error|ERR!) (code|errno|syscall|path|dest|command|signal)\b/,
  /^npm (error|ERR!)(\s+A complete log of this run.*)?$/,
  /^npm (error|ERR!)\s+(.*[/\\]_logs[/\\].*|node-pre-gyp (info|WARN).*|gyp (info|verb).*)$/,
  /^(npm|pnpm|yarn) (warn|notice|WARN|info)/,
  /^\s*(info|notice|warning|warn|hint|note|help)\b/i,
  /^\s*\[(notice|warning|info)\]/i,
  /^\s*\(?(use|run|see|try)\b.*(--|http|for more|details)/i,
  /^\[ERROR\]\s*(\[Help \d+\].*|To see the full stack trace.*|Re-run Maven.*|For more information.*|After correcting.*|-> \[Help.*)?$/,
  /^(g?make|ninja)(\[\d+\])?: (\*\*\* |build stopped|Entering|Leaving)/,
  /^ELIFECYCLE|^\s*ELIFECYCLE|^error Command failed with exit code/,
  /^\s*at\s.+(\(|:\d+)/,
  /^(throw|raise) /,
  /^Node\.js v\d/,
  /\b0 (errors|failures|failed)\b/i,
  /^(fatal: )?the remote end hung up/,
];
/** Matches a line that states a reason. */
const REASON =
  /(^|[^a-z])(error|err!|err_\w+|fatal|failed|failure|cannot|can't|can’t|could not|couldn't|unable|not found|no such|denied|refused|missing|invalid|unexpected|no matching|no space|timed out|killed|panic|abort(ed)?|e[A-Z]{4,})([^a-z]|$)|\w+(Error|Exception)\b[:\s]/i;

/**
 * Returns the line of a failed command's output that states the reason best; empty when it printed nothing. That is
 * the first line that reads like a reason, since later lines are mostly consequences; otherwise the last line.
 */
export function failureReason(output: string): string {
  const lines = output.split('\n').map((line) => line.trim());
  const telling = lines.filter((line) => line !== '' && !NOISE.some((noise) => noise.test(line)));
  return (
    telling.find((line) => REASON.test(line)) ?? telling.at(-1) ?? lines.findLast((line) => line !== '') ?? ''
  );
}
