// What the voice remembers of a chat request.
export interface ChatRequest {
  model: string;
  /** `stream_options.include_usage`. */
  wantsUsage: boolean;
}
