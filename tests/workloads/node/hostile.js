// Sources and names that cost whoever reads them: scripts of many megabytes, each used for a moment, and ropes as names.
'use strict';
const half = '\u2028 '.repeat(1 << 21);                       // two bytes a character, every second ends a line
let rope = 'x';
for (let i = 0; i < 900; i++) rope = (i & 1 ? rope + '_' : '_' + rope);   // never flattened
console.log('ready');
for (let i = 0; ; i++) {
  const work = new Function(half + '\nlet s = 0; const until = Date.now() + 5; while (Date.now() < until) s += Math.sqrt(s + ' + i + '); return s;');
  Object.defineProperty(work, 'name', { value: rope + i });
  work();
}
