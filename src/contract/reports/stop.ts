import { z } from 'zod';

/** The result of a stop of `up`. */
export const stopReport = z.object({
  stopped: z.boolean().describe('false: nothing ran'),
  forced: z.boolean().describe('it did not stop in time, and was killed'),
  processes: z
    .number()
    .int()
    .describe('number of processes that had to end: `up`, server, worker, Copilot runtime'),
  left: z.array(z.number().int()).describe('pids of those that are still there'),
  leftBehind: z
    .number()
    .int()
    .optional()
    .describe('`up` had been killed: the pid of its Temporal server, which was ended'),
});
export type StopReport = Readonly<z.infer<typeof stopReport>>;
