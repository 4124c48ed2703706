// The tested agents: how each is configured and started without a terminal, and the session of the task with the tools of that
// agent. docs/agents.md documents the same configuration.
import type { Script } from '../../simulator/src/engine/scripts/script.ts';

type Turn = Script['turns'][number];

/** One run: a file to edit, a command to run, final words. */
export interface Task {
  /** The agent's working folder and its HOME, both temporary and used by no other run. */
  work: string;
  home: string;
  /** Address of Sluice, without a path. */
  url: string;
  key: string;
  model: string;
  prompt: string;
  /** Absolute path of the file, and the line in it before and after. */
  file: string;
  before: string;
  after: string;
  command: string;
  words: string;
}

export interface Launch {
  /** Arguments of the agent's program. */
  args: string[];
  env: Record<string, string>;
  /** Contents by absolute path. */
  files?: Record<string, string>;
}

export interface Agent {
  /** Key in versions.json, and the name of its program. */
  package: string;
  program: string;
  /** The protocol that it uses towards Sluice. */
  speaks: string;
  turns(task: Task): Turn[];
  launch(task: Task): Launch;
}

const call = (tool: string, given: Record<string, unknown>): Turn => ({ calls: [{ tool, arguments: given }] });

/** If its key comes from a command, Codex requests the list of models, from which it takes their context windows. */
function codexConfig({ url, model }: Task, hasWebSockets: boolean, asksForModels: boolean): string {
  return `model = "${model}"
model_provider = "sluice"
check_for_update_on_startup = false

[analytics]
enabled = false

[model_providers.sluice]
name = "Sluice"
base_url = "${url}/v1"
wire_api = "responses"
supports_websockets = ${hasWebSockets}
${asksForModels ? '\n[model_providers.sluice.auth]\ncommand = "printenv"\nargs = ["SLUICE_API_KEY"]' : 'env_key = "SLUICE_API_KEY"'}
`;
}

function codex(hasWebSockets: boolean, asksForModels: boolean): Agent {
  return {
    package: 'codex',
    program: 'codex',
    speaks: `Responses over ${hasWebSockets ? 'WebSockets' : 'HTTP'}${asksForModels ? ', with /models' : ''}`,
    turns: ({ before, after, command, words }) => [
      {
        thoughts: 'The file first.',
        calls: [
          {
            tool: 'exec_command',
            arguments: {
              cmd: `apply_patch <<'EOF'\n*** Begin Patch\n*** Update File: greeting.txt\n@@\n-${before}\n+${after}\n*** End Patch\nEOF`,
            },
          },
        ],
      },
      call('exec_command', { cmd: command }),
      { text: words },
    ],
    launch: (task) => ({
      args: ['exec', '--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox', task.prompt],
      env: { SLUICE_API_KEY: task.key },
      files: { [`${task.home}/.codex/config.toml`]: codexConfig(task, hasWebSockets, asksForModels) },
    }),
  };
}

const claudeCode: Agent = {
  package: 'claude-code',
  program: 'claude',
  speaks: 'Messages',
  turns: ({ file, before, after, command, words }) => [
    { text: 'I read it first.', calls: [{ tool: 'Read', arguments: { file_path: file } }] },
    call('Edit', { file_path: file, old_string: before, new_string: after }),
    call('Bash', { command, description: 'Runs the command' }),
    { text: words },
  ],
  launch: ({ prompt, url, key, model }) => ({
    args: ['-p', prompt, '--allowedTools', 'Read,Edit,Bash'],
    env: {
      ANTHROPIC_BASE_URL: url,
      ANTHROPIC_AUTH_TOKEN: key,
      ANTHROPIC_MODEL: model,
      ANTHROPIC_DEFAULT_HAIKU_MODEL: model,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    },
  }),
};

const GEMINI_SETTINGS = {
  security: { auth: { selectedType: 'gemini-api-key' } },
  privacy: { usageStatisticsEnabled: false },
  general: { enableAutoUpdate: false },
  telemetry: { enabled: false },
};

const gemini: Agent = {
  package: 'gemini',
  program: 'gemini',
  speaks: 'Gemini',
  turns: ({ file, before, after, command, words }) => [
    call('replace', { file_path: file, instruction: 'Greet by name.', old_string: before, new_string: after }),
    call('run_shell_command', { command, description: 'Runs the command' }),
    { text: words },
  ],
  launch: ({ prompt, url, key, model, home }) => ({
    args: ['-m', model, '--approval-mode', 'yolo', '--skip-trust', '-p', prompt],
    env: { GOOGLE_GEMINI_BASE_URL: url, GEMINI_API_KEY: key },
    files: { [`${home}/.gemini/settings.json`]: JSON.stringify(GEMINI_SETTINGS, null, 2) },
  }),
};

function opencode(speaks: string, npm: string, path: string): Agent {
  return {
    package: 'opencode',
    program: 'opencode',
    speaks,
    turns: ({ file, before, after, command, words }) => [
      call('read', { filePath: file }),
      call('edit', { filePath: file, oldString: before, newString: after }),
      call('bash', { command, description: 'Runs the command' }),
      { text: words },
    ],
    launch: ({ prompt, url, key, model, work }) => ({
      args: ['run', '-m', `sluice/${model}`, '--auto', prompt],
      env: { OPENCODE_DISABLE_AUTOUPDATE: '1', OPENCODE_DISABLE_MODELS_FETCH: '1', OPENCODE_DISABLE_LSP_DOWNLOAD: '1' },
      files: {
        [`${work}/opencode.json`]: JSON.stringify({
          autoupdate: false,
          share: 'disabled',
          provider: { sluice: { npm, options: { baseURL: `${url}${path}`, apiKey: key }, models: { [model]: {} } } },
        }),
      },
    }),
  };
}

const qwen: Agent = {
  package: 'qwen',
  program: 'qwen',
  speaks: 'Chat Completions',
  turns: ({ file, before, after, command, words }) => [
    call('read_file', { file_path: file }),
    call('edit', { file_path: file, old_string: before, new_string: after }),
    call('run_shell_command', { command, is_background: false, description: 'Runs the command' }),
    { text: words },
  ],
  launch: ({ prompt, url, key, model, home }) => ({
    args: ['--approval-mode', 'yolo', prompt],
    env: { OPENAI_BASE_URL: `${url}/v1`, OPENAI_API_KEY: key, OPENAI_MODEL: model },
    files: {
      [`${home}/.qwen/settings.json`]: JSON.stringify({
        security: { auth: { selectedType: 'openai' } },
        privacy: { usageStatisticsEnabled: false },
        general: { enableAutoUpdate: false },
      }),
    },
  }),
};

/** Aider uses no tools: it reads edits from the text, and runs a configured command after each. */
const aider: Agent = {
  package: 'aider',
  program: 'aider',
  speaks: 'Chat Completions',
  turns: ({ before, after, words }) => [
    {
      text: `greeting.txt\n\`\`\`\n<<<<<<< SEARCH\n${before}\n=======\n${after}\n>>>>>>> REPLACE\n\`\`\`\n\n${words}`,
    },
  ],
  launch: ({ prompt, url, key, model, command }) => ({
    args: [
      ...['--model', `openai/${model}`, '--edit-format', 'diff', '--yes-always', '--no-git', '--message', prompt],
      ...['--analytics-disable', '--no-check-update', '--no-show-model-warnings', '--no-show-release-notes'],
      ...['--auto-test', '--test-cmd', command, 'greeting.txt'],
    ],
    env: { OPENAI_API_BASE: `${url}/v1`, OPENAI_API_KEY: key, LITELLM_LOCAL_MODEL_COST_MAP: 'True' },
  }),
};

export const AGENTS: readonly Agent[] = [
  codex(true, true),
  codex(true, false),
  codex(false, false),
  claudeCode,
  gemini,
  opencode('Chat Completions', '@ai-sdk/openai-compatible', '/v1'),
  opencode('Responses', '@ai-sdk/openai', '/v1'),
  opencode('Messages', '@ai-sdk/anthropic', '/v1'),
  opencode('Gemini', '@ai-sdk/google', '/v1beta'),
  qwen,
  aider,
];
