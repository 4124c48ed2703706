// Patterns of model names: one star, which matches any text.

/** What the star matches in this name; '' if the pattern has no star and equals the name; null if it does not match. */
export function matchWildcard(pattern: string, name: string): string | null {
  const star = pattern.indexOf('*');
  if (star < 0) return pattern === name ? '' : null;
  const [prefix, suffix] = [pattern.slice(0, star), pattern.slice(star + 1)];
  const isMatch = name.length >= prefix.length + suffix.length && name.startsWith(prefix) && name.endsWith(suffix);
  return isMatch ? name.slice(prefix.length, name.length - suffix.length) : null;
}
