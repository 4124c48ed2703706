// Providers quote the broker's own key in their errors: "Incorrect API key provided: sk-ab***yz". What looks like a key is
// taken out of every message; what is a configured secret was taken out of the bytes before (contracts/secret-mask.ts).

const KEY_LIKE =
  /\b(?:sk|pk|rk|gsk|xai|tgp|fw)[-_][A-Za-z0-9*_-]{6,}|\bAIza[A-Za-z0-9_-]{10,}|\bBearer +[A-Za-z0-9*._-]{6,}|(?<![A-Za-z0-9_-])(?:[A-Za-z0-9_-]*\*{4,})+[A-Za-z0-9_-]*/g;
const MAX_MESSAGE_CHARS = 2_000;
const MASK = '[redacted]';

/** A provider's message as it may be shown to a client and logged. */
export function redact(message: string): string {
  return message.slice(0, MAX_MESSAGE_CHARS).replace(KEY_LIKE, MASK);
}
