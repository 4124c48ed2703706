// What processes report when they reload the configuration file.

/** The result of a reload. Only names of settings, and faults: values may be secrets. */
export interface Reload {
  kind: 'changed' | 'refused' | 'reverted';
  /** Why the file was read. */
  why: string;
  file: string;
  /** When it was last written, and the user id of its owner; null if there is no file. */
  written: { atMs: number; uid: number } | null;
  /** SHA-256 of the content in force before, and of the content that was read; null if there was none. */
  former: string | null;
  next: string | null;
  /** Settings that are now in force. */
  changed: readonly string[];
  /** Settings that have changed in the file but need a restart. */
  afterRestart: readonly string[];
  faults: readonly string[];
}
