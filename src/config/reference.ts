import { detailsOf, SETTING_KEYS, type SettingKey } from './definitions.js';
import { GROUPS, type SettingGroup } from './details.js';
import { environmentName, fileName } from './names.js';

const HEAD = `# Settings

<!-- Written by scripts/settings-doc.mjs from the definitions in src/config: change it there. -->

A setting is read, strongest first, from a flag where the command has one, from its environment variable, and from a
YAML file that maps names to values:

\`\`\`yaml
data_dir: /srv/akosha
hot_days: 14
databases:
  - ~/.claude/data/reflection.duckdb
\`\`\`

The file is the one that \`--config\` or \`AKOSHA_CONFIG\` names, else \`akosha.yaml\` in the working directory, else
\`$XDG_CONFIG_HOME/akosha/config.yaml\`, which is \`~/.config/akosha/config.yaml\`. Relative paths start at the file's own
folder, in the environment and in flags at the working directory; \`~\` is the home folder. An empty variable counts as
absent. All faults are reported together; \`akosha config\` prints what is in effect and where each value came from.

Thirteen settings are Session-Buddy's; our own file takes them under either name, \`cloud_bucket\` or \`akosha_cloud_bucket\`. Where
neither a flag nor the environment nor our file gives one, it is read from Session-Buddy's own files, strongest first:
\`settings/local.yaml\` and \`settings/session-buddy.yaml\` in the working directory, then \`local.yaml\` and \`config.yaml\` in
\`$XDG_CONFIG_HOME/session-buddy\`, which is \`~/.config/session-buddy\`. An empty text there is none. Whoever may write these files or
\`akosha.yaml\` decides where memories go: start an agent in a folder of your own, not in a checkout of somebody else's.

How Temporal is reached is set in Temporal's own way: \`TEMPORAL_ADDRESS\`, \`TEMPORAL_NAMESPACE\`, \`TEMPORAL_API_KEY\`,
\`TEMPORAL_TLS…\`, or a profile (\`TEMPORAL_PROFILE\`) of \`TEMPORAL_CONFIG_FILE\`.
`;

/** The reference of all settings as Markdown, the same on every machine. */
export function renderSettingsDoc(): string {
  return [HEAD, ...GROUPS.map(renderGroup)].join('\n');
}

function renderGroup(group: SettingGroup): string {
  const keys = SETTING_KEYS.filter((key) => detailsOf(key).group === group);
  return [`## ${group}`, '', ...keys.map(renderSetting)].join('\n');
}

function renderSetting(key: SettingKey): string {
  const { rule, description, secret, sessionBuddy } = detailsOf(key);
  return [
    `### \`${fileName(key)}\``,
    '',
    description,
    '',
    `- Environment: \`${environmentName(key)}\``,
    `- Must be: ${rule}`,
    `- Default: ${renderDefault(key)}`,
    ...(sessionBuddy === true ? [`- At Session-Buddy: \`akosha_${fileName(key)}\``] : []),
    ...(secret === true ? ['- Secret: never printed or logged'] : []),
    '',
  ].join('\n');
}

function renderDefault(key: SettingKey): string {
  const { initial, initialText } = detailsOf(key);
  if (initialText !== undefined) return initialText;
  return initial === undefined || typeof initial === 'function' ? 'none' : `\`${String(initial)}\``;
}
