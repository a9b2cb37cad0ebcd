import { Subagents, SubagentsError } from 'durable-subagents';

await using subagents = await Subagents.connect();
try {
  await subagents.session().spawn({ label: 'fix-login', task: 'Fix the login test.', repo: '~/shop' });
} catch (error) {
  if (!(error instanceof SubagentsError)) throw error;
  if (error.code === 'LABEL_LIVE') console.log('It works on it already.');
  else console.error(error.code, error.message, error.remedy ?? '');
}
