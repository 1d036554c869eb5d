// Functions made of strings, run until they are optimised, and dropped: the number in a name tells which belong together.
'use strict';
const stop = Date.now() + 1000 * Number(process.argv[2] || 3600);
let kept = [];
console.log('ready');
for (let i = 0; Date.now() < stop; i++) {
  const number = String(i).padStart(7, '0');
  const outer = new Function(`
    function inner_${number}(n) { let s = 0; for (let i = 0; i < n; i++) s += Math.sqrt(i ^ s) | 0; return s; }
    return function outer_${number}(n) { return inner_${number}(n) + 1; };`)();
  const rounds = i % 3 ? 5 : 400;
  for (let r = 0; r < rounds; r++) outer(300);
  kept.push(outer);
  if (kept.length > 50) kept = [];
  if (i % 200 === 0 && globalThis.gc) globalThis.gc();
}
