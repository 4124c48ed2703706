// `Schema`, the subset of OpenAPI 3.0 that `parameters` and `responseSchema` take. Other keywords of JSON Schema are
// refused as unknown names.
import {
  type Body,
  fields,
  readEnum,
  readList,
  readMessage,
  readStruct,
  refuse,
  refuseName,
  refuseValue,
} from './read-fields.ts';

const FIELDS = fields(
  'type format title description nullable enum items maxItems minItems properties required minProperties maxProperties ' +
    'minLength maxLength pattern example anyOf propertyOrdering default minimum maximum',
);

const TYPES = ['TYPE_UNSPECIFIED', 'STRING', 'NUMBER', 'INTEGER', 'BOOLEAN', 'ARRAY', 'OBJECT', 'NULL'];

export function checkSchema(value: unknown, path: string): void {
  const schema = readMessage(value, path, FIELDS);
  if (Array.isArray(schema.type)) refuseName('type', path, 'Proto field is not repeating, cannot start list.');
  const type = readEnum(schema.type, `${path}.type`, TYPES);
  for (const word of readList(schema.enum)) {
    if (typeof word !== 'string') refuseValue(word, `${path}.enum`, 'TYPE_STRING');
  }
  checkProperties(schema, path, type);
  if (schema.items !== undefined) checkSchema(schema.items, `${path}.items`);
  for (const [index, part] of readList(schema.anyOf).entries()) checkSchema(part, `${path}.any_of[${index}]`);
}

function checkProperties(schema: Body, path: string, type: string | null): void {
  const properties = Object.values(readStruct(schema.properties, `${path}.properties`) ?? {});
  if (type === 'OBJECT' && properties.length === 0) {
    refuse(`* GenerateContentRequest.${path}.properties: should be non-empty for OBJECT type`);
  }
  for (const [index, property] of properties.entries()) checkSchema(property, `${path}.properties[${index}].value`);
}
