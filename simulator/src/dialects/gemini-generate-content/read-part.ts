// One part of a content: exactly one kind of data, and the members allowed with it.

import { type Body, fields, readFlag, readMessage, readStruct, readText, refuse, refuseValue } from './read-fields.ts';
import type { Part } from './turn.ts';

const PART_FIELDS = fields(
  'text inlineData fileData functionCall functionResponse executableCode codeExecutionResult toolCall toolResponse thought ' +
    'thoughtSignature videoMetadata mediaResolution partMetadata mediaProcessing',
);
const DATA = [...PART_FIELDS].slice(0, [...PART_FIELDS].indexOf('thought'));

const BLOB_FIELDS = fields('mimeType data displayName');
const FILE_FIELDS = fields('fileUri mimeType displayName');
const CALL_FIELDS = fields('id name args');
const RESPONSE_FIELDS = fields('id name response parts willContinue scheduling');

/** Standard or URL-safe, with or without padding. */
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

export function readPart(value: unknown, path: string): Part {
  const part = readMessage(value, path, PART_FIELDS);
  const kinds = DATA.filter((kind) => kind in part);
  if (kinds.length === 0 && !('thoughtSignature' in part)) {
    refuse(`* GenerateContentRequest.${path}.data: required oneof field 'data' must have one initialized field`);
  }
  if (kinds.length > 1) refuse(`Invalid value at '${path}' (oneof), oneof field 'data' is already set.`, path);
  readFlag(part.thought, `${path}.thought`);
  readBytes(part.thoughtSignature, `${path}.thought_signature`);
  return { path, body: { ...part, ...readData(part, path) } };
}

/** The members that are messages themselves, read. */
function readData(part: Body, path: string): Body {
  readText(part.text, `${path}.text`);
  return {
    ...('inlineData' in part ? { inlineData: readBlob(part.inlineData, `${path}.inline_data`) } : {}),
    ...('fileData' in part ? { fileData: readFile(part.fileData, `${path}.file_data`) } : {}),
    ...('functionCall' in part ? { functionCall: readCall(part.functionCall, `${path}.function_call`) } : {}),
    ...('functionResponse' in part
      ? { functionResponse: readResponse(part.functionResponse, `${path}.function_response`) }
      : {}),
  };
}

function readBlob(value: unknown, path: string): Body {
  const blob = readMessage(value, path, BLOB_FIELDS);
  const mimeType = readText(blob.mimeType, `${path}.mime_type`) ?? '';
  if (!/^[a-z]+\/[\w.+-]+/.test(mimeType)) refuse(`Unsupported MIME type: ${mimeType}`);
  if ((readBytes(blob.data, `${path}.data`) ?? '') === '')
    refuse(`* GenerateContentRequest.${path}.data: must not be empty`);
  return blob;
}

function readBytes(value: unknown, path: string): string | null {
  const text = readText(value, path);
  if (text !== null && !BASE64.test(text)) {
    refuse(`Invalid value at '${path}' (TYPE_BYTES), Base64 decoding failed for "${text.slice(0, 40)}"`, path);
  }
  return text;
}

function readFile(value: unknown, path: string): Body {
  const file = readMessage(value, path, FILE_FIELDS);
  if ((readText(file.fileUri, `${path}.file_uri`) ?? '') === '')
    refuse(`* GenerateContentRequest.${path}.file_uri: must not be empty`);
  return file;
}

function readCall(value: unknown, path: string): Body {
  const call = readMessage(value, path, CALL_FIELDS);
  readStruct(call.args, `${path}.args`);
  return { ...call, name: readName(call, path) };
}

function readResponse(value: unknown, path: string): Body {
  const response = readMessage(value, path, RESPONSE_FIELDS);
  if (response.response === undefined)
    refuseValue(null, `${path}.response`, 'type.googleapis.com/google.protobuf.Struct');
  readStruct(response.response, `${path}.response`);
  return { ...response, name: readName(response, path) };
}

function readName({ name }: Body, path: string): string {
  const text = readText(name, `${path}.name`) ?? '';
  return text === '' ? refuse(`* GenerateContentRequest.${path}.name: Name cannot be empty.`) : text;
}
