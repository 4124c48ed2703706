// Checks content of messages and of tool results as the provider does, since a broker may build it wrongly from another
// protocol's parts.
import { invalid } from '../../engine/refusal.ts';
import { missing, unsupported } from '../openai/read-body.ts';
import { type Body, readObject } from '../read-fields.ts';
import type { ContentPart, Role } from './input-items.ts';

type CheckPart = (part: Body, param: string) => void;

const FOR_PERSONS: Readonly<Record<string, CheckPart>> = {
  input_text: (part, param) => needText(part, 'text', param),
  input_image: checkImage,
  input_file: checkFile,
  input_audio: checkAudio,
};

const FOR_THE_MODEL: Readonly<Record<string, CheckPart>> = {
  output_text: (part, param) => needText(part, 'text', param),
  refusal: (part, param) => needText(part, 'refusal', param),
};

/** Content of tool outputs: without audio. */
const FOR_TOOLS: Readonly<Record<string, CheckPart>> = {
  input_text: FOR_PERSONS.input_text!,
  input_image: checkImage,
  input_file: checkFile,
};

export function readContent(content: unknown, role: Role, param: string): readonly ContentPart[] {
  const checks = role === 'assistant' ? FOR_THE_MODEL : FOR_PERSONS;
  return readParts(content, checks, role === 'assistant' ? 'output_text' : 'input_text', param);
}

export function readToolOutput(output: unknown, param: string): readonly ContentPart[] {
  return readParts(output, FOR_TOOLS, 'input_text', param);
}

function readParts(
  content: unknown,
  checks: Readonly<Record<string, CheckPart>>,
  textType: string,
  param: string,
): readonly ContentPart[] {
  if (content === undefined) throw missing(param);
  if (typeof content === 'string') return [{ type: textType, text: content, body: {} }];
  if (!Array.isArray(content)) {
    const message = `Invalid type for '${param}': expected one of an array of objects or string.`;
    throw invalid(message, param, 'invalid_type');
  }
  return content.map((part, index) => readPart(part, checks, `${param}[${index}]`));
}

function readPart(value: unknown, checks: Readonly<Record<string, CheckPart>>, param: string): ContentPart {
  const body = readObject(value, param);
  const { type } = body;
  const check = typeof type === 'string' ? checks[type] : undefined;
  if (check === undefined) throw unsupported(type, param, Object.keys(checks));
  check(body, param);
  const text = body.text ?? body.refusal;
  return { type: String(type), text: typeof text === 'string' ? text : null, body };
}

function needText(part: Body, member: string, param: string): void {
  const name = `${param}.${member}`;
  if (part[member] === undefined) throw missing(name);
  if (typeof part[member] !== 'string') {
    throw invalid(`Invalid type for '${name}': expected a string.`, name, 'invalid_type');
  }
}

const DETAILS = ['low', 'high', 'auto', 'original'];
/** `https://…`, or a data URL. */
const IMAGE_URL = /^(?:https?:\/\/\S+|data:image\/[\w.+-]+;base64,[A-Za-z0-9+/=_-]*)$/;

/** Chat nests the address in an object; here it is a string. */
function checkImage(part: Body, param: string): void {
  const { image_url: url, file_id: fileId, detail } = part;
  const name = `${param}.image_url`;
  if (detail !== undefined && detail !== null && !DETAILS.includes(String(detail))) {
    throw unsupported(detail, `${param}.detail`, DETAILS);
  }
  if (typeof fileId === 'string') return;
  if (url === undefined || url === null) throw missing(name);
  if (typeof url !== 'string') {
    const message = `Invalid type for '${name}': expected an image URL, but got an object instead.`;
    throw invalid(message, name, 'invalid_type');
  }
  if (!IMAGE_URL.test(url)) {
    const message = `Invalid '${name}'. Expected a valid URL, but got a value with an invalid format.`;
    throw invalid(message, name, 'invalid_value');
  }
}

function checkFile(part: Body, param: string): void {
  const { file_data: data, file_id: fileId, file_url: url, filename } = part;
  if (typeof fileId === 'string' || typeof url === 'string') return;
  const name = `${param}.file_data`;
  if (typeof data !== 'string') throw missing(`${param}.file_id`);
  if (!/^data:[^,]+,/.test(data)) {
    const message = `Invalid '${name}'. Expected a base64-encoded data URL with a MIME type (e.g. 'data:application/pdf;base64,aW1nIGJ5dGVzIGhlcmU='), but got a value without the 'data:' prefix.`;
    throw invalid(message, name, 'invalid_value');
  }
  if (typeof filename !== 'string') throw missing(`${param}.filename`);
}

const AUDIO_FORMATS = ['wav', 'mp3'];

function checkAudio(part: Body, param: string): void {
  const name = `${param}.input_audio`;
  if (part.input_audio === undefined) throw missing(name);
  const audio = readObject(part.input_audio, name);
  needText(audio, 'data', name);
  if (!AUDIO_FORMATS.includes(String(audio.format))) throw unsupported(audio.format, `${name}.format`, AUDIO_FORMATS);
}
