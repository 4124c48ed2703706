// Column types that both SQL engines share.

/** A whole number. SQLite gives bigint, PostgreSQL strings; either takes both and numbers. */
export type Whole = bigint | string | number;
export type OptionalWhole = Whole | null;
