// A JIT: compiled JavaScript, builtins without unwind tables, the engine's own C++.
function descend(depth) {
  if (depth > 0) return descend(depth - 1) + 1;
  let sum = 0;
  for (let i = 0; i < 2000; i++) {
    sum += JSON.stringify({ a: i, b: [1, 2, 3] }).length;
    sum += [3, 1, 2].sort((a, b) => a - b)[0];
  }
  return sum;
}
console.log("ready");
while (true) descend(20);
