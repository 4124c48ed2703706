// What a model accepts, by its name. Source: docs/reference/anthropic-messages.md sections 1, 2 and 6. Models with other names
// than Claude's accept everything.

export type ThinkingType = 'enabled' | 'adaptive' | 'between_tools' | 'disabled';
export type Display = 'summarized' | 'omitted';

export interface ModelTraits {
  thinking: readonly ThinkingType[];
  thinksByDefault: boolean;
  /** How thoughts are shown by default. */
  display: Display;
  /** `output_config.effort` values. */
  efforts: readonly string[];
  takesSampling: boolean;
  takesPrefill: boolean;
  /** Whether `tool_choice` may be `any` or `tool`. */
  takesForcedTools: boolean;
  /** Whether `messages` may have the role `system`. */
  takesSystemTurns: boolean;
}

const ALL_EFFORTS = ['low', 'medium', 'high', 'xhigh', 'max'];

const TAKES_EVERYTHING: ModelTraits = {
  thinking: ['enabled', 'adaptive', 'between_tools', 'disabled'],
  thinksByDefault: false,
  display: 'summarized',
  efforts: ALL_EFFORTS,
  takesSampling: true,
  takesPrefill: true,
  takesForcedTools: true,
  takesSystemTurns: true,
};

/** `claude-opus-4-7`, `claude-sonnet-4-5-20250929`, `claude-opus-5.5`; not the 3 of `claude-3-5-sonnet`. */
const NAME = /claude-([a-z]+)-(\d+)(?:[-.](\d{1,2}))?(?![\d.])/;
const OLD_NAME = /claude-(?:instant|\d)/;

export function traitsOf(model: string): ModelTraits {
  const [, family, major, minor] = NAME.exec(model) ?? [];
  if (family !== undefined) return traitsOfFamily(family, Number(major) + Number(minor ?? 0) / 10);
  return OLD_NAME.test(model) ? traitsOfFamily('', 3) : TAKES_EVERYTHING;
}

function traitsOfFamily(family: string, version: number): ModelTraits {
  const isMythical = family === 'fable' || family === 'mythos';
  return {
    ...thinkingOf(family, version),
    display: version < 4.7 ? 'summarized' : 'omitted',
    efforts: effortsOf(family, version),
    takesSampling: version < samplingEnd(family) && !isMythical,
    takesPrefill: version < 4.6,
    takesForcedTools: isMythical ? version < 5.1 : family === 'haiku' || version < 5.5,
    takesSystemTurns: version >= 4.8 && family !== 'haiku',
  };
}

function thinkingOf(family: string, version: number): Pick<ModelTraits, 'thinking' | 'thinksByDefault'> {
  if (version < 4.6) return { thinking: ['enabled', 'disabled'], thinksByDefault: false };
  if (version < 4.7) return { thinking: ['enabled', 'adaptive', 'disabled'], thinksByDefault: false };
  if (version < 5 || family === 'haiku') return { thinking: ['adaptive', 'disabled'], thinksByDefault: false };
  if (family === 'fable' || family === 'mythos') return { thinking: ['adaptive'], thinksByDefault: true };
  if (version < 5.5) return { thinking: ['adaptive', 'disabled'], thinksByDefault: true };
  const thinking: ThinkingType[] = family === 'sonnet' ? ['adaptive', 'between_tools'] : ['adaptive'];
  return { thinking, thinksByDefault: true };
}

function effortsOf(family: string, version: number): readonly string[] {
  if (version < 4.5 || (version < 4.6 && family !== 'opus')) return [];
  if (version < 4.6) return ['low', 'medium', 'high'];
  return version < 4.7 ? ['low', 'medium', 'high', 'max'] : ALL_EFFORTS;
}

/** The first version that refuses `temperature`, `top_p` and `top_k`. */
function samplingEnd(family: string): number {
  if (family === 'opus') return 4.7;
  return family === 'haiku' ? 5.5 : 5;
}
