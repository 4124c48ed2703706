// `text.format`: what form the answer is to have. Flat, where Chat's `response_format` is nested.
import type { AnswerFormat } from '../../engine/call.ts';
import { missing, unsupported } from '../openai/read-body.ts';
import { readToolName } from '../openai/tool-names.ts';
import { type Body, readObject } from '../read-fields.ts';

const FORMATS = ['json_object', 'json_schema', 'text'];
const MOST_NAME_CHARACTERS = 64;

export function readFormat({ text }: Body): AnswerFormat {
  if (text === undefined || text === null) return { kind: 'text' };
  const { format } = readObject(text, 'text');
  if (format === undefined || format === null) return { kind: 'text' };
  const { type, name, schema } = readObject(format, 'text.format');
  switch (type) {
    case 'text':
      return { kind: 'text' };
    case 'json_object':
      return { kind: 'json' };
    case 'json_schema':
      readToolName(name, 'text.format.name', MOST_NAME_CHARACTERS);
      if (schema === undefined) throw missing('text.format.schema');
      return { kind: 'schema', schema: readObject(schema, 'text.format.schema') };
    default:
      throw unsupported(type, 'text.format.type', FORMATS);
  }
}
