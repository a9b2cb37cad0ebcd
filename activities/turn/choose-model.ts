/** Which model a subagent uses: what the spawn names, else the repository, else the worker. */
import { SETTINGS_FILE, SubagentsError } from '../../src/contract/index.ts';

export interface ModelSettings {
  readonly models: readonly string[] | undefined;
  readonly model: string | undefined;
}

/** @throws SubagentsError MODEL_REFUSED */
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
