/**
 * Loaded once for all workflows of a worker (`preloadModules` in scripts/build.mjs), which share it, frozen; all other
 * modules are evaluated anew for each workflow. zod was more than half of that: 4.7 of 8.3 ms, a tenth of all the CPU
 * time that a worker takes. Only libraries that keep no state belong here.
 */
import { z } from 'zod';

// The first object settles zod's own configuration, which cannot be changed any more once it is frozen.
z.object({}).safeParse({});
