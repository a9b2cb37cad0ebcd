/** The order of a chain's steps: pure functions for the library, the command line and the workflow. */

/** A step in the graph. */
export interface Node {
  readonly id: string;
  readonly needs: readonly string[];
}

/** Fills in missing `needs`: such a step needs the step before it. */
export function withNeeds<T extends { readonly id: string; readonly needs?: readonly string[] | undefined }>(
  steps: readonly T[],
): (T & Node)[] {
  return steps.map((step, index) => {
    const before = steps[index - 1];
    return { ...step, needs: step.needs ?? (before ? [before.id] : []) };
  });
}

/** All steps that come before `id`, nearest first; unknown steps are left out. */
export function ancestors(nodes: readonly Node[], id: string): Set<string> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const found = new Set<string>();
  const open = [...(byId.get(id)?.needs ?? [])];
  for (let next = open.shift(); next !== undefined; next = open.shift()) {
    const node = byId.get(next);
    if (!node || found.has(next)) continue;
    found.add(next);
    open.push(...node.needs);
  }
  return found;
}

/** All steps that come after `id`, in the order of `nodes`. */
export function descendants(nodes: readonly Node[], id: string): Set<string> {
  return new Set(nodes.filter((node) => ancestors(nodes, node.id).has(id)).map((node) => node.id));
}

/** A path from a step back to itself, with that step first and last; undefined if there is no cycle. */
export function findCycle(nodes: readonly Node[]): string[] | undefined {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const settled = new Set<string>();
  const visit = (id: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(id)) return [...path.slice(path.indexOf(id)), id];
    if (settled.has(id)) return undefined;
    for (const need of byId.get(id)?.needs ?? []) {
      const cycle = visit(need, [...path, id]);
      if (cycle) return cycle;
    }
    settled.add(id);
    return undefined;
  };
  for (const { id } of nodes) {
    const cycle = visit(id, []);
    if (cycle) return cycle;
  }
  return undefined;
}

/**
 * The depth of each step: 0 if it needs no step, otherwise one more than its deepest need. Only for graphs without a
 * cycle.
 */
export function depths(nodes: readonly Node[]): Map<string, number> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const known = new Map<string, number>();
  const depth = (id: string): number => {
    const found = known.get(id);
    if (found !== undefined) return found;
    const below = (byId.get(id)?.needs ?? []).map((need) => depth(need) + 1);
    const own = Math.max(0, ...below);
    known.set(id, own);
    return own;
  };
  for (const { id } of nodes) depth(id);
  return known;
}

/**
 * The graph on one line: `research → implement` if each step needs only the one before it; otherwise every step with
 * the steps it needs: `a, b, c (after a and b)`.
 */
export function graphLine(nodes: readonly Node[]): string {
  const isLine = nodes.every(({ needs }, at) => {
    const before = nodes[at - 1];
    return before ? needs.length === 1 && needs[0] === before.id : needs.length === 0;
  });
  if (isLine) return nodes.map(({ id }) => id).join(' → ');
  if (nodes.every(({ needs }) => needs.length === 0))
    return `${nodes.map(({ id }) => id).join(', ')} (side by side)`;
  return nodes
    .map(({ id, needs }) => (needs.length === 0 ? id : `${id} (after ${needs.join(' and ')})`))
    .join(', ');
}
