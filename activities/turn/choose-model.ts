/** Chooses the model of a subagent: the spawn's, otherwise the repository's, otherwise the worker's. */
import { SETTINGS_FILE, SubagentsError } from '../../src/contract/index.ts';

/** The worker's default model and the models it allows; undefined `models`: all are allowed. */
export interface ModelSettings {
  readonly models: readonly string[] | undefined;
  readonly model: string | undefined;
}

/** Returns the model to use; undefined when none is named. @throws SubagentsError MODEL_REFUSED */
export function chooseModel(
  { models, model }: ModelSettings,
  ofSpawn: string | undefined,
  ofRepository?: string,
): string | undefined {
  const wanted = ofSpawn ?? ofRepository;
  if (wanted === undefined) return model;
  if (models === undefined || models.includes(wanted)) return wanted;
  const who = ofSpawn === undefined ? `, which ${SETTINGS_FILE} names,` : '';
  throw new SubagentsError(
    'MODEL_REFUSED',
    `the model "${wanted}"${who} is not among those this worker allows`,
    { remedy: `Name one of ${models.join(', ')}.` },
  );
}
