// Images and documents in an assistant's turn, which other providers' models make: Anthropic takes them from the user only,
// so the user shows them with the next turn.
import type { Part, Turn } from '../../contracts/inference-request.ts';

const INTRODUCTION: Part = { kind: 'text', text: 'Made by the assistant:' };

export function moveDrawings(turns: readonly Turn[]): Turn[] {
  if (!turns.some((turn) => turn.role === 'assistant' && turn.parts.some(isDrawing))) return [...turns];
  const moved: Turn[] = [];
  let drawn: Part[] = [];
  for (const turn of turns) {
    if (turn.role === 'assistant') {
      drawn.push(...turn.parts.filter(isDrawing));
      moved.push({ ...turn, parts: turn.parts.filter((part) => !isDrawing(part)) });
    } else if (turn.role === 'user' && drawn.length > 0) {
      moved.push({ ...turn, parts: [INTRODUCTION, ...drawn, ...turn.parts] });
      drawn = [];
    } else moved.push(turn);
  }
  return drawn.length === 0 ? moved : [...moved, { role: 'user', parts: [INTRODUCTION, ...drawn] }];
}

function isDrawing({ kind }: Part): boolean {
  return kind === 'image' || kind === 'document';
}
