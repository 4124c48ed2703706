// What the processes of a fleet say of a configuration file that they read again.

/** What came of reading the file again. Names of settings and faults only: values may be secrets. */
export interface Reload {
  kind: 'changed' | 'refused' | 'reverted';
  /** What made the process read it. */
  why: string;
  file: string;
  /** When it was last written, and the user id that owns it; null where there is no file. */
  written: { atMs: number; uid: number } | null;
  /** SHA-256 of the content in force before, and of what was read; null where there was none. */
  former: string | null;
  next: string | null;
  /** In force from now on. */
  changed: readonly string[];
  /** In the file, and in force after a restart only. */
  afterRestart: readonly string[];
  faults: readonly string[];
}
