import { fileURLToPath } from 'node:url';

/**
 * The path of a file in `dist/src` that is started by its path. Relative to this module, so it is correct only in
 * bundles that are exactly one folder below `dist/src`.
 * @param path below `dist/src`: `cli/main.bundle.js`
 */
export const compiledFile = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));
