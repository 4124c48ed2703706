// Answers as Response objects. The unstreamed form; responses-stream.ts has the other.
import type { SpeechOptions, StreamVoice, Voice } from '../dialect.ts';
import { serverError } from '../openai/server-error.ts';
import { outputItems, writeItem } from './output-items.ts';
import { FAILED, finishedState, writeResponse, writeUsage } from './response-object.ts';
import type { ResponsesRequest } from './responses-request.ts';
import { ResponsesStreamVoice } from './responses-stream.ts';

export class ResponsesVoice implements Voice {
  readonly wholeContentType = 'application/json';
  readonly streamContentType = 'text/event-stream; charset=utf-8';
  readonly #request: ResponsesRequest;

  constructor(request: ResponsesRequest) {
    this.#request = request;
  }

  speakWhole({ identity, answer, showsUsage }: SpeechOptions): string {
    const { echo, providerName } = this.#request;
    // The one choice that the reader asks for.
    const choice = answer.choices[0]!;
    const output = outputItems(choice, identity, providerName).map((item) => writeItem(item, 'final'));
    const usage = showsUsage ? writeUsage(answer.usage) : null;
    return JSON.stringify(writeResponse(echo, identity, finishedState(choice.finish, output, usage)));
  }

  speakStream(options: SpeechOptions): StreamVoice {
    return new ResponsesStreamVoice(this.#request, options);
  }

  failWhole(): string {
    return JSON.stringify({ error: serverError() });
  }

  failAnswer({ identity }: SpeechOptions): string {
    return JSON.stringify(writeResponse(this.#request.echo, identity, FAILED));
  }
}
