/** The model that the demo uses. */
import { describeModelAccess } from '../copilot/runtime/model-access.ts';
import type { Narrator } from './narrator.ts';
import { startScriptedModel } from './scripted-model.ts';
import { scenarios } from './script.ts';

export interface DemoModel {
  /** Whether the answers are scripted, because no real model is available. */
  readonly scripted: boolean;
  /** How to get a real model. */
  readonly remedy?: string | undefined;
  /** The worker's environment. */
  readonly env: NodeJS.ProcessEnv;
  stop(): Promise<void>;
}

/** The user's model if there is one, else a scripted one on loopback; prints which. */
export async function chooseDemoModel(env: NodeJS.ProcessEnv, narrator: Narrator): Promise<DemoModel> {
  const access = await describeModelAccess(env);
  if (access.kind !== 'none') {
    narrator.report('demo', 'model', `Model: ${access.description}.`, { scripted: false });
    if (access.remedy !== undefined) narrator.detail(access.remedy);
    return { scripted: false, env, stop: async () => undefined };
  }
  const model = await startScriptedModel(scenarios);
  narrator.report('demo', 'model', `Model: ${access.description}, so the model's answers are scripted.`, {
    scripted: true,
    url: model.url,
  });
  narrator.detail('Copilot CLI, its tools, the shell, git and the tests it runs are real.');
  return {
    scripted: true,
    remedy: access.remedy,
    env: { ...withoutModel(env), ...model.env },
    stop: () => model.stop(),
  };
}

/** `env` without an incomplete provider, and without settings of other models. */
function withoutModel(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(
      ([name]) => !/^(COPILOT_PROVIDER_|COPILOT_MODEL$|SUBAGENTS_MODELS?$)/.test(name),
    ),
  );
}
