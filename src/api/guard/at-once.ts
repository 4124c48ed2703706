// Fastify's hooks for checks that wait for nothing. An `async` hook costs each request a promise and a turn of the microtasks,
// more than most of these checks.
import type { FastifyReply, FastifyRequest } from 'fastify';

type Done = (error?: Error) => void;

/** The check may throw. It must not send an answer. */
export function atOnce(check: (request: FastifyRequest, reply: FastifyReply) => void) {
  return (request: FastifyRequest, reply: FastifyReply, done: Done): void => {
    try {
      check(request, reply);
    } catch (error) {
      return done(error as Error);
    }
    done();
  };
}
