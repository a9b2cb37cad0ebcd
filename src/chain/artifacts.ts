/** Artifacts: whole files that a step leaves for later steps. */

/** What is wrong with a step's `artifacts`; undefined if nothing is. */
export function artifactsProblem({
  artifacts,
  forEach,
}: {
  artifacts?: readonly string[] | undefined;
  forEach?: string | undefined;
}): string | undefined {
  if (artifacts === undefined) return undefined;
  const twice = artifacts.find((path, at) => artifacts.indexOf(path) < at);
  if (twice !== undefined) return `${twice} is named twice`;
  return forEach === undefined
    ? undefined
    : 'a step with forEach leaves several files of each name: let it report what it found';
}
