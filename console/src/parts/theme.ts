// Light or dark mode: the system's, unless chosen here.
import { useEffect, useState } from 'preact/hooks';

export type Theme = 'light' | 'dark';

const STORED = 'sluice-theme';
const system = matchMedia('(prefers-color-scheme: dark)');
const listeners = new Set<(theme: Theme) => void>();

function current(): Theme {
  const chosen = localStorage.getItem(STORED);
  if (chosen === 'light' || chosen === 'dark') return chosen;
  return system.matches ? 'dark' : 'light';
}

function apply(): void {
  const theme = current();
  document.documentElement.dataset.theme = theme;
  for (const listener of listeners) listener(theme);
}

export function toggleTheme(): void {
  localStorage.setItem(STORED, current() === 'dark' ? 'light' : 'dark');
  apply();
}

export function useTheme(): Theme {
  const [theme, setTheme] = useState(current);
  useEffect(() => {
    listeners.add(setTheme);
    return () => void listeners.delete(setTheme);
  }, []);
  return theme;
}

system.addEventListener('change', apply);
apply();
