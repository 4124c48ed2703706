// An image as the answer: `responseModalities` and `imageConfig`. The picture is tiny; its sides are those of the aspect
// ratio, times a factor for the size, and its comment says both.

import { crc32, deflateSync } from 'node:zlib';
import type { WantedImage } from '../../engine/call.ts';
import { type Body, fields, readEnum, readList, readMessage, readText, refuse } from './read-fields.ts';

const PATH = 'generation_config.image_config';
const FIELDS = fields('aspectRatio imageSize');
const MODALITIES = ['MODALITY_UNSPECIFIED', 'TEXT', 'IMAGE', 'AUDIO', 'VIDEO'];
const ASPECT_RATIOS = new Set('1:1 2:3 3:2 3:4 4:3 4:5 5:4 9:16 16:9 21:9 1:4 4:1 1:8 8:1'.split(' '));

/** Pixels per unit of the aspect ratio, and the tokens that an image of this size costs (prices of 2026). */
const SIZES: Readonly<Record<string, { scale: number; tokens: number }>> = {
  '512': { scale: 1, tokens: 747 },
  '1K': { scale: 2, tokens: 1_120 },
  '2K': { scale: 4, tokens: 1_680 },
  '4K': { scale: 8, tokens: 2_520 },
};

/** Null if only text is requested. */
export function readImage({ responseModalities, imageConfig }: Body): WantedImage | null {
  const path = 'generation_config.response_modalities';
  const modalities = readList(responseModalities).map((value) => readEnum(value, path, MODALITIES));
  const config = imageConfig === undefined ? {} : readMessage(imageConfig, PATH, FIELDS);
  const aspectRatio = readText(config.aspectRatio, `${PATH}.aspect_ratio`) ?? '1:1';
  const imageSize = readText(config.imageSize, `${PATH}.image_size`) ?? '1K';
  const size = SIZES[imageSize];
  if (!ASPECT_RATIOS.has(aspectRatio)) {
    refuse(`aspect_ratio must be one of ${[...ASPECT_RATIOS].map((known) => `'${known}'`).join(', ')}.`);
  }
  if (size === undefined) return refuse(`image_size must be one of ${Object.keys(SIZES).join(', ')}.`);
  if (modalities.includes('AUDIO') || modalities.includes('VIDEO')) {
    refuse('Model does not support the requested response modalities: the simulator has no voice.');
  }
  if (!modalities.includes('IMAGE')) return null;
  const [width, height] = aspectRatio.split(':').map((units) => Number(units) * size.scale) as [number, number];
  const picture = encodePng({ width, height, comment: `aspectRatio=${aspectRatio} imageSize=${imageSize}` });
  return {
    file: { mediaType: 'image/png', data: picture.toString('base64'), tokens: size.tokens },
    isAlone: !modalities.includes('TEXT'),
  };
}

// The smallest image that every decoder accepts: one colour, one bit per pixel, and a comment.

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const BIT_DEPTH = 1;
const GREYSCALE = 0;

export interface Picture {
  width: number;
  height: number;
  /** Latin letters; stored in the file as its `Comment`. */
  comment: string;
}

export function encodePng({ width, height, comment }: Picture): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = BIT_DEPTH;
  header[9] = GREYSCALE;
  // Each row begins with its filter type; 0 is none.
  const rows = Buffer.alloc(height * (1 + Math.ceil(width / 8)));
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('tEXt', Buffer.from(`Comment\0${comment}`, 'latin1')),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}
