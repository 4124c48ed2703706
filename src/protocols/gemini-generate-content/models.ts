// What Gemini's models differ in, by name. Names are open-ended: an unknown one gets the newest rules, only older and odd
// models are listed. Source: docs/reference/gemini-generate-content.md sections 2, 4 and 5 (npm
// @ai-sdk/google 4.0.121, its model catalogue).

/** A model accepts a budget or a level, never both (400). `null`: its thinking cannot be controlled, or it has none. */
export type Thinking =
  | { kind: 'budget'; minTokens: number; maxTokens: number; canBeOff: boolean }
  | { kind: 'level'; levels: readonly Level[] }
  | null;

export const LEVELS = ['minimal', 'low', 'medium', 'high', 'xhigh'] as const;
export type Level = (typeof LEVELS)[number];

export interface GeminiModel {
  thinking: Thinking;
  /**
   * Gemini 3 and later: accepts functions together with server tools and with JSON output, and media in function responses, and
   * requires signatures on the function calls in the history.
   */
  isGemini3: boolean;
  /** Fetches what `fileData` links to over https. */
  takesLinks: boolean;
  hasPenalties: boolean;
  hasSystemInstruction: boolean;
}

const NEWEST: GeminiModel = {
  thinking: { kind: 'level', levels: ['minimal', 'low', 'medium', 'high'] },
  isGemini3: true,
  takesLinks: true,
  hasPenalties: true,
  hasSystemInstruction: true,
};

const GEMINI_2: Partial<GeminiModel> = { thinking: null, isGemini3: false, takesLinks: false };
const GEMINI_2_5: Partial<GeminiModel> = { ...GEMINI_2, takesLinks: true, hasPenalties: false };

function budget(minTokens: number, maxTokens: number, canBeOff: boolean): Partial<GeminiModel> {
  return { thinking: { kind: 'budget', minTokens, maxTokens, canBeOff } };
}

function levels(...names: Level[]): Partial<GeminiModel> {
  return { thinking: { kind: 'level', levels: names } };
}

/** The first row that matches; a prefix such as `models/` or `google/` may precede the name. */
const MODELS: readonly [RegExp, Partial<GeminiModel>][] = [
  [/(^|\/)gemma-/, { ...GEMINI_2, hasSystemInstruction: false }],
  [/gemini-(1|2\.0|exp)|gemini-pro(-vision)?$/, GEMINI_2],
  [/gemini-2\.5-flash-(image|native-audio)|gemini-2\.5.*-tts/, GEMINI_2_5],
  [/gemini-2\.5-pro|gemini-2\.5-computer-use/, { ...GEMINI_2_5, ...budget(128, 32_768, false) }],
  [/gemini-2\.5-flash-lite/, { ...GEMINI_2_5, ...budget(512, 24_576, true) }],
  [/gemini-2|gemini-robotics-er-1/, { ...GEMINI_2_5, ...budget(1, 24_576, true) }],
  [/gemini-3-pro-image/, budget(128, 32_768, false)],
  [/gemini-3-pro/, levels('low', 'high')],
  [/gemini-4-hydrogen/, levels('low', 'medium', 'high', 'xhigh')],
  [/gemini-(\d+(\.\d+)?-pro|pro-latest|4)/, levels('low', 'medium', 'high')],
  [/gemini-(3\.[7-9]-flash|flash-latest)(?!-lite)/, levels('low', 'medium', 'high')],
];

export function geminiModel(name: string): GeminiModel {
  const lower = name.toLowerCase();
  return { ...NEWEST, ...MODELS.find(([pattern]) => pattern.test(lower))?.[1] };
}
