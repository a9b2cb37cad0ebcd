/** What has to be decided for a command of the documents before it can be run by a test; all others run as they stand. */
import { EXIT } from '../../src/cli/exit.ts';

/** What a command finds here in place of what it names. The variables are those of the machine it runs on. */
export const REPLACED: readonly (readonly [RegExp, string])[] = [
  // The other terminal, in which a worker of its pool runs.
  [
    /^subagents spawn hello .* --pool gpu --wait$/,
    'SUBAGENTS_KEYS=file:$SUBAGENTS_HOME/keys.json SUBAGENTS_HOME=$ELSEWHERE TEMPORAL_ADDRESS=$SERVER subagents worker --pool gpu & until $&; do sleep 1; done; kill $!',
  ],
  [/127\.0\.0\.1:7233/, '$SERVER'],
  [
    /^subagents worker\b(?! forget| health)/,
    'SUBAGENTS_KEYS=file:$SUBAGENTS_HOME/keys.json SUBAGENTS_HOME=$ELSEWHERE TEMPORAL_ADDRESS=$SERVER subagents worker',
  ],
  [/^temporal /, 'TEMPORAL_ADDRESS=$SERVER temporal '],
  [/temporal\.example:7233/, '$SERVER'],
  [/https:\/\/(example|github)\.com\//, '$GIT_SERVER/'],
  // The container's commands, without the container.
  [/^docker compose exec -w \/repositories\/(\w+) worker /, 'cd ../$1 && '],
  // In the user's project npx would download it.
  [/^npx @github\/copilot /, '$PACKAGE/node_modules/.bin/copilot '],
  // The script builds before.
  [/^npm run chaos -- --help/, 'node $PACKAGE/dist/chaos/main.js --help'],
];

/** Tasks that the scripted model knows: see `machine.ts`. */
const LIVE =
  'subagents spawn fix-login "Go on until you are told something." && until subagents list | grep "fix-login.*bash"; do sleep 1; done';
const ASKING = 'subagents spawn fix-login "Ask, then go on until you are told something."';
const DONE = 'subagents spawn fix-login "Do it." --wait';

/** Commands that make what a command needs: they run right before it. */
export const BEFORE: Readonly<Record<string, readonly string[]>> = {
  'subagents list': [ASKING],
  'subagents continue fix-login "Add a test, too."': [DONE],
  'subagents kill --force fix-login': [LIVE],
  'temporal workflow cancel -w subagent/default/fix-login': [LIVE],
  'subagents continue bump "Say in CHANGELOG.md what changed for users."': ['subagents wait bump'],
  'subagents chain retry limits': [
    '! subagents chain run docs/examples/limits.chain.yaml --param area=nowhere --wait',
  ],
  'subagents worker --address temporal.example:7233 --namespace agents': [
    'TEMPORAL_ADDRESS=$SERVER TEMPORAL_NAMESPACE=agents RETENTION=1d sh $PACKAGE/deploy/namespace.sh',
  ],
  'subagents wait --next --session NAME': ['subagents spawn hello "Do it." --session NAME'],
  'subagents up': ['subagents down'],
  'git branch -m subagents old-subagents': ['git branch subagents'],
};

/** Commands that go on until Ctrl-C: what they have written by then, and how they may end. */
export const UNTIL_CTRL_C: readonly (readonly [RegExp, RegExp, readonly number[]])[] = [
  // Done, too, where the subagent has ended before.
  [/^subagents logs -f/, /▸ bash|looked/, [EXIT.interrupted, EXIT.ok]],
  [/^subagents (watch|announcements --follow)/, /fix-login/, [EXIT.interrupted]],
  [/^subagents (up$|worker\b(?! forget| health))/, /Ctrl-C stops/, [EXIT.ok]],
];

/** Exit codes of commands that end with another one than 0. */
export const ENDS_WITH: Readonly<Record<string, number>> = {
  'subagents policy check "git push origin main" --policy careful': EXIT.ask,
  'subagents policy check --path /etc/hosts --write --policy careful': EXIT.ask,
};

/** What cannot run here, by reason. */
export const NOT_RUN: Readonly<Record<string, readonly string[]>> = {
  'this very test is a part of it': [
    'npm install && npm test',
    'npm test',
    'npm run test:slow',
    'npm run test:unit',
    'npx vitest run --project git',
    'npx vitest run test/git',
  ],
  'it builds dist/, which tests that run meanwhile stand on': [
    'npm install',
    'npm install && npm run demo',
    'npm run build',
    'npm install && npm run pack',
    'npm run pack',
    'npm run build && node test/support/record-histories.mjs NAME',
    'npm run bench',
    'npm run bench -- recovery',
    'npm run bench -- hops',
    'npm run bench -- requests',
    'npm run bench -- sandbox',
    'npm run bench -- worker-memory',
    'npm run chaos',
    'npm run chaos -- --subagents 200 --seed 1',
    'npm run chaos -- --subagents 24 --strikes 12 --freeze 20 --keep',
    'npm run chaos -- --address temporal.example:7233',
    'npm run test:server',
  ],
  'test/demo runs it': ['npm run demo', 'npm run demo -- --keep'],
  'npm run check:package installs the package': [
    'npm run check:package',
    'npm install -g durable-subagents-0.1.0.tgz',
    'mkdir -p ~/.local/lib/durable-subagents',
    'tar -xzf durable-subagents-0.1.0.tgz -C ~/.local/lib/durable-subagents --strip-components=1',
    'cd ~/.local/lib/durable-subagents && npm ci && npm link',
    'npm install path/to/durable-subagents-0.1.0.tgz',
    'npm install --omit=optional path/to/durable-subagents-0.1.0.tgz',
  ],
  'a registry that answers an audit: test/deployment/supply.test.ts has one': ['npm audit signatures'],
  'it looks at the sources, or writes files of them': [
    'npm run check',
    'npx vitest run test/contract/schemas.test.ts -u',
    'npx vitest run test/prompts -u',
    'node scripts/screenshots.mjs',
    'node scripts/morning.mjs',
    'PICTURE=docs/images/copilot.svg npx vitest run test/extension/orchestrator.test.ts',
  ],
  'Copilot CLI itself: test/extension and test/copilot run it': [
    'copilot --experimental',
    'copilot --resume',
    'copilot -p',
  ],
  'a login at GitHub': ['npx @github/copilot login', 'gh auth login'],
  'a program that is no dependency of ours': [
    'claude mcp add subagents -- subagents mcp',
    'npx tsx',
    'docker compose up -d --build',
    'git lfs install --local',
  ],
  'test/mcp/inspector.test.ts runs it': [
    'npx @modelcontextprotocol/inspector@0.16 --cli subagents mcp --method tools/list',
    'npx @modelcontextprotocol/inspector@0.16 --cli subagents mcp --method tools/call --tool-name subagents --tool-arg action=list',
    'npx @modelcontextprotocol/inspector@0.16 --cli subagents mcp --method resources/list',
  ],
  'a worker that is gone, with live subagents: test/client/workerless.test.ts gives one up': [
    'subagents worker forget w-abcd2345',
  ],
  'it needs a home without a key, or with two: test/cli/keys.test.ts runs it': [
    'subagents keys init',
    'subagents keys init --anew',
    'subagents keys require',
    'subagents keys remove KEY',
  ],
  'a store that all share: test/e2e/checkouts.test.ts runs it': [
    'subagents spawn fix-login "The login test fails. Fix it." --pool gpu --wait',
  ],
  'a store that all share: test/cli/store.test.ts runs them': [
    'export SUBAGENTS_STORE=/mnt/team/subagents',
    'subagents store init',
    'subagents store status',
    'subagents store list',
    'subagents store clean --dry-run',
    'subagents store clean',
  ],
  'an approval that is open: test/e2e/approvals.test.ts decides some': [
    'subagents approve fix-login -a ID',
    'subagents reject fix-login -a ID "why"',
    'subagents approve fix-login -a ID "why"',
  ],
  'a variable that stays: test/e2e/web-ui.test.ts runs the block': [
    'export TEMPORAL_CODEC_AUTH="$(subagents keys codec --auth)"',
    'temporal workflow signal -w subagent/default/fix-login --name steer --input \'"Leave the session cookie alone."\' --codec-endpoint "$(subagents keys codec fix-login)"',
    'subagents keys codec',
    'subagents keys codec fix-login',
  ],
  'a command of a subagent, on which a policy decides: test/policy': [
    'git -C x push --tags',
    'git -c alias.x=push x',
    'git $x',
    'node -e',
  ],
  'a name, without what the command takes': [
    ...[
      'spawn',
      'wait',
      'diff',
      'merge',
      'answer',
      'approve',
      'reject',
      'approvals',
      'show',
      'continue',
      'steer',
      'kill',
      'logs',
      'policy check',
    ].map((name) => `subagents ${name}`),
    'temporal --codec-endpoint',
    'temporal workflow signal',
    'temporal workflow cancel',
    'temporal workflow terminate',
    'git clone',
    'git worktree add',
    'npm ci',
    'npm ci && npm link',
    'npm install -g',
    'npx ava',
    'go install',
  ],
};
