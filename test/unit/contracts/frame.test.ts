import { expect, test } from 'vitest';
import { compareFrameIds, decodeAnnouncement } from '#src/contracts/frame.ts';

test('frames are ordered by attempt, then by sequence, as numbers', () => {
  const ids = ['2-1', '1-10', '1-9', '10-0', '2-0'];
  expect(ids.sort(compareFrameIds)).toEqual(['1-9', '1-10', '2-0', '2-1', '10-0']);
});

test('an announcement holds several frames, with any bytes in them', () => {
  const data = Buffer.from([0, 10, 13, 255]);
  const message = Buffer.concat([
    Buffer.from('req_a 1-1 0-0 head 9 4\n{"ü":"\\n'),
    data,
    Buffer.from('req_b 2-7 2-3 data 0 0\n'),
  ]);
  expect(decodeAnnouncement(message)).toEqual([
    { requestId: 'req_a', id: '1-1', previous: '0-0', kind: 'head', meta: '{"ü":"\\n', bytes: data },
    { requestId: 'req_b', id: '2-7', previous: '2-3', kind: 'data', meta: '', bytes: Buffer.alloc(0) },
  ]);
});

test.each(['req_a 1-1 0-0 data 0 5\nabc', 'req_a 1-1 0-0 data'])(
  'a truncated announcement is an error, not a short frame',
  (text) => {
    expect(() => decodeAnnouncement(Buffer.from(text))).toThrow(TypeError);
  },
);
