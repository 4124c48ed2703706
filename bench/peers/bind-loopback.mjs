// Preloaded into a peer that can only listen on all addresses: servers under test must listen on loopback only.
import net from 'node:net';

const { listen } = net.Server.prototype;
net.Server.prototype.listen = function listenOnLoopback(first, ...rest) {
  if (typeof first === 'number') {
    const callback = rest.find((argument) => typeof argument === 'function');
    return listen.call(this, { port: first, host: '127.0.0.1' }, ...(callback ? [callback] : []));
  }
  return listen.call(this, typeof first === 'object' ? { ...first, host: '127.0.0.1' } : first, ...rest);
};
