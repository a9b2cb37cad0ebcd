import { fileURLToPath } from 'node:url';

/**
 * The path of a file of `dist/src` that is started by its path. Bundles have this module in folders of the same depth, so that it is
 * right in each of them; one in a deeper folder would not be.
 * @param path below `dist/src`: `cli/main.bundle.js`
 */
export const compiledFile = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));
