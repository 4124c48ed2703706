// Vendors quote (parts of) the broker's own key in their errors: "Incorrect API key provided: sk-ab***yz".

const KEY_LIKE =
  /\b(?:sk|pk|rk|gsk|xai|tgp|fw)[-_][A-Za-z0-9*_-]{6,}|\bAIza[A-Za-z0-9_-]{10,}|\bBearer +[A-Za-z0-9*._-]{6,}|[A-Za-z0-9_-]*\*{4,}[A-Za-z0-9_-]*/g;
const MAX_MESSAGE_CHARS = 2_000;

/** A vendor's message as it may be shown to a client and logged. */
export function redact(message: string): string {
  return message.slice(0, MAX_MESSAGE_CHARS).replace(KEY_LIKE, '[redacted]');
}
