/**
 * Modules that all workflows of a worker share, loaded once and frozen (`preloadModules` in scripts/build.mjs); all
 * other modules are evaluated for each workflow. zod took more than half of that time: 4.7 of 8.3 ms, a tenth of a
 * worker's CPU time. Add only libraries that keep no state.
 */
import { z } from 'zod';

// Parsing a first object makes zod finish its own configuration, which cannot change once the module is frozen.
z.object({}).safeParse({});
