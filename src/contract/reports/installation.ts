import { z } from 'zod';

/** What an installation or its removal did to the extension's file. */
export const installChange = z.enum(['written', 'updated', 'unchanged', 'removed', 'absent']);
export type InstallChange = z.infer<typeof installChange>;
