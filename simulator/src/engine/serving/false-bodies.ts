// What comes in place of an answer when something between caller and provider has gone wrong.
import type { Voice } from '../../dialects/dialect.ts';
import type { FalseBody } from '../faults/fault-plan.ts';

export interface FalseAnswer {
  status: number;
  contentType: string;
  body: string;
}

const HTML_PAGE = `<html>
<head><title>502 Bad Gateway</title></head>
<body>
<center><h1>502 Bad Gateway</h1></center>
<hr><center>nginx</center>
</body>
</html>
`;

export function falseAnswer(kind: FalseBody, voice: Voice, isStream: boolean): FalseAnswer {
  const contentType = isStream ? voice.streamContentType : voice.wholeContentType;
  switch (kind) {
    case 'empty':
      return { status: 200, contentType, body: '' };
    case 'garbage':
      return { status: 200, contentType: 'application/json', body: '{"id":"simulated","choices":[{"index":0,"mess' };
    case 'plain_text':
      return { status: 200, contentType: 'text/plain', body: 'upstream connect error or disconnect/reset' };
    case 'html_page':
      return { status: 502, contentType: 'text/html', body: HTML_PAGE };
  }
}
