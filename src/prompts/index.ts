/**
 * Every text that the product writes to a model, as pure functions: to subagents (their system message, their prompts,
 * the messages that we send into a turn, the answers of `ask_parent`, refusals, the tasks of ready-made chains) and to main
 * agents (instructions, news, the sentences of tool results). `test/prompts` shows what each says. Used in workflows, too.
 *
 * Elsewhere, each one declaration: the descriptions of the tools for main agents and of their arguments in `src/tools`
 * (`spawn.ts`, `chain.ts`, `subagents.ts`, `actions/action.ts`), those of the MCP resources in `src/mcp/resources.ts`, the
 * descriptions of spawn options in `src/contract/spawn-options.ts`, and the words for states, stalls, deliveries and caveats
 * in `src/contract`, which people read, too. So do messages and remedies of errors, which stand where they are thrown.
 *
 * What the library loads imports the files themselves, so that its bundle has no more of them than it uses.
 */
export * from './announcement-marks.ts';
export * from './approvals.ts';
export * from './ask-parent.ts';
export * from './evidence.ts';
export * from './fence.ts';
export * from './handover.ts';
export * from './main-agent.ts';
export * from './markers.ts';
export * from './news.ts';
export * from './nudges.ts';
export * from './permissions.ts';
export * from './ready-made.ts';
export * from './repairs.ts';
export * from './resumed.ts';
export * from './sandbox.ts';
export * from './step-task.ts';
export * from './subagent-text.ts';
export * from './system-message.ts';
export * from './tool-results.ts';
export * from './turn.ts';
export * from './verification.ts';
