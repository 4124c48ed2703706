// Which errors are failures of Redis and which are bugs: the first are waited for, the second must never be.
import { describe, expect, test } from 'vitest';
import { isAnothersToDo, isRedisTrouble, refusalOf, untilTaken } from '#src/storage/redis-trouble.ts';

function replyError(message: string): Error {
  return Object.assign(new Error(message), { name: 'ReplyError' });
}

describe('refusals', () => {
  test.each([
    ['READONLY', true, "READONLY You can't write against a read only replica. script: 4ad6, on @user_script:41."],
    [
      'READONLY',
      true,
      "ERR Error running script (call to f_4ad6): @user_script:1: -READONLY You can't write against …",
    ],
    ['LOADING', true, 'LOADING Redis is loading the dataset in memory'],
    ['MASTERDOWN', true, "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."],
    ['UNBLOCKED', true, 'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)'],
    ['OOM', false, "OOM command not allowed when used memory > 'maxmemory'."],
    ['NOREPLICAS', false, 'NOREPLICAS Not enough good replicas to write.'],
    ['MISCONF', false, 'MISCONF Errors writing to the AOF file: No space left on device'],
    ['CLUSTERDOWN', false, 'CLUSTERDOWN Hash slot not served'],
    ['TRYAGAIN', false, 'TRYAGAIN Multiple keys request during rehashing of slot'],
    ['BODYLOST', false, 'BODYLOST the body of the request has not arrived whole'],
    ['BUSY', false, 'BUSY Redis is busy running a script.'],
  ])('%s is one; another server may accept it: %s', (refusal, isAnothers, message) => {
    const error = replyError(message);
    expect([refusalOf(error), isAnothersToDo(error), isRedisTrouble(error)]).toEqual([refusal, isAnothers, true]);
  });

  test('an error of a cluster client that gave up counts as a Redis failure', () => {
    const error = new Error('Too many Cluster redirections. Last error: ReplyError: CLUSTERDOWN The cluster is down');
    expect([refusalOf(error), isRedisTrouble(error)]).toEqual(['CLUSTERDOWN', true]);
  });

  test.each([
    ['a script with a bug', 'ERR user_script:3: attempt to compare nil with number script: 4ad6, on @user_script:3.'],
    ['a key of another type', 'WRONGTYPE Operation against a key holding the wrong kind of value'],
    ['a word within another', 'ERR value is BUSYBODY'],
  ])('%s is not one', (_, message) => {
    expect([refusalOf(replyError(message)), isRedisTrouble(replyError(message))]).toEqual([null, false]);
  });

  test.each([
    ['a bug', new RangeError('Maximum call stack size exceeded'), false],
    ['a lost connection', Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }), true],
    ['a silent server', new Error('Command timed out'), true],
  ])('%s', (_, error, isTrouble) => {
    expect(isRedisTrouble(error)).toBe(isTrouble);
  });
});

describe('untilTaken', () => {
  const oom = replyError("OOM command not allowed when used memory > 'maxmemory'.");

  test('repeats refused commands, and reports them', async () => {
    const told: Error[] = [];
    let refusals = 3;
    const act = async () => {
      if (refusals-- > 0) throw oom;
      return 'taken';
    };
    expect(await untilTaken(act, { onError: (error) => told.push(error) })).toBe('taken');
    expect(told).toEqual([oom, oom, oom]);
  });

  test('does not repeat a bug', async () => {
    const act = () => Promise.reject(new RangeError('a bug'));
    await expect(untilTaken(act, { onError: () => undefined })).rejects.toThrow('a bug');
  });

  test('ends when it is no longer needed', async () => {
    const act = () => Promise.reject(oom);
    await expect(untilTaken(act, { onError: () => undefined, isOver: () => true })).rejects.toBe(oom);
  });
});
