// A cluster as pm2 and node's own module make one: a primary that waits, two workers that name themselves and work.
'use strict';
const cluster = require('cluster');

function toil(n) {
  let s = 0;
  for (let i = 0; i < n; i++) s += Math.sqrt(i ^ s);
  return s;
}
if (cluster.isPrimary) {
  process.title = 'shop-7_primary';
  let online = 0;
  cluster.on('message', () => { if (++online === 2) console.log('ready'); });
  for (let i = 0; i < 2; i++) cluster.fork({ NUMBER: i });
} else {
  process.title = 'shop-7_worker ' + process.env.NUMBER;
  process.send('up');
  (function work() {
    toil(300000);
    setImmediate(work);
  })();
}
