// What is looked at: the tree as it is, or made anew: merged, reversed, one part of it, recursion folded.

// Children by (parent, key) in one open-addressed table, since a Map of pairs would cost most of the time.
class Trie {
  constructor() {
    this.parent = [0];
    this.key = [0];
    this.self = [0];
    this.before = [0];
    this.slots = new Int32Array(1 << 12);
  }
  child(parent, key) {
    if (this.parent.length * 2 > this.slots.length) this.grow();
    const mask = this.slots.length - 1;
    let at = hashPair(parent, key) & mask;
    for (; this.slots[at] !== 0; at = (at + 1) & mask) {
      const id = this.slots[at];
      if (this.parent[id] === parent && this.key[id] === key) return id;
    }
    const id = this.parent.length;
    this.slots[at] = id;
    this.parent.push(parent);
    this.key.push(key);
    this.self.push(0);
    this.before.push(0);
    return id;
  }
  grow() {
    const wider = new Int32Array(this.slots.length * 4), mask = wider.length - 1;
    for (let id = 1; id < this.parent.length; ++id) {
      let at = hashPair(this.parent[id], this.key[id]) & mask;
      while (wider[at] !== 0) at = (at + 1) & mask;
      wider[at] = id;
    }
    this.slots = wider;
  }
}

function hashPair(a, b) {
  const h = Math.imul(a, 0x9e3779b1) ^ Math.imul(b + 1, 0x85ebca77);
  return h ^ (h >>> 15);
}

// options: {part, split, reverse, recursion, lines, weight}; see kDefaults in main.js.
function makeView(options) {
  if (options.split && options.lines && !(options.part > 0) && !options.reverse && !options.recursion && !options.weight) return asItIs();
  const trie = new Trie();
  const key = (i) => options.lines ? base.name[i] : functions[functionOf[base.name[i]]].name;
  const skipped = (i) => (i === 0 || (!options.split && isGroup(kinds[base.name[i]])));
  const inside = partOf(options.part), self = options.self || base.self;
  const of = options.reverse ? reverseInto(trie, key, skipped, inside, options.recursion) : copyInto(trie, key, skipped, inside, options.recursion);
  for (let i = 0; i < base.n; ++i) {
    if (of[i] < 0) continue;
    trie.self[of[i]] += self[i];
    trie.before[of[i]] += base.before[i];
  }
  return arrange(trie, options.weight, of);
}

// The data layer's own order is the default view's. Weights come later: weighView().
function asItIs() {
  const n = base.n, view = emptyView(n);
  view.name.set(base.name);
  view.parent.set(base.parent);
  for (let i = n - 1; i >= 0; --i) {
    const up = base.parent[i];
    view.end[i] = Math.max(view.end[i], i + 1);
    if (i !== 0) view.end[up] = Math.max(view.end[up], view.end[i]);
  }
  for (let i = 1; i < n; ++i) view.depth[i] = view.depth[base.parent[i]] + 1;
  return view;
}

function emptyView(n) {
  return {
    n, name: new Int32Array(n), parent: new Int32Array(n), depth: new Int32Array(n), end: new Int32Array(n),
    self: new Float64Array(n), selfBefore: new Float64Array(n), total: new Float64Array(n), before: new Float64Array(n),
    width: new Float64Array(n), start: new Float64Array(n),
    of: null,   // by place in base: where a stack that ends there ends here, or -1; null: at the same place
  };
}

// Which frames belong to one process or thread (and not to the path to it).
function partOf(part) {
  const inside = new Uint8Array(base.n);
  if (!(part > 0)) return inside.fill(1);
  for (let i = part; i < base.n; ++i) inside[i] = i === part || inside[base.parent[i]] ? 1 : 0;
  return inside;
}

function copyInto(trie, key, skipped, inside, recursion) {
  const moved = new Int32Array(base.n).fill(-1);
  for (let i = 0; i < base.n; ++i) {
    if (!inside[i]) continue;
    const up = Math.max(moved[base.parent[i]], 0);
    moved[i] = skipped(i) || (recursion && up !== 0 && trie.key[up] === key(i)) ? up : trie.child(up, key(i));
  }
  return moved;
}

function reverseInto(trie, key, skipped, inside, recursion) {
  const moved = new Int32Array(base.n).fill(-1);
  for (let i = 0; i < base.n; ++i) {
    if (!inside[i] || (base.self[i] === 0 && base.before[i] === 0)) continue;
    let at = 0;
    for (let up = i; inside[up]; up = base.parent[up]) {
      if (!skipped(up) && !(recursion && at !== 0 && trie.key[at] === key(up))) at = trie.child(at, key(up));
      if (up === 0) break;
    }
    moved[i] = at;
  }
  return moved;
}

// Sums, then pre-order with children by name or by weight.
function arrange(trie, byWeight, of) {
  const n = trie.parent.length;
  const width = new Float64Array(n);
  for (let i = n - 1; i >= 0; --i) {
    width[i] += Math.max(trie.self[i], trie.before[i]);
    if (i === 0) break;
    const up = trie.parent[i];
    width[up] += width[i];
  }
  const rank = ranks();
  const order = Array.from({length: n - 1}, (_, i) => i + 1);
  order.sort(byWeight ? (a, b) => width[b] - width[a] || rank[trie.key[a]] - rank[trie.key[b]]
    : (a, b) => rank[trie.key[a]] - rank[trie.key[b]]);
  const first = new Int32Array(n), next = new Int32Array(n);
  for (let at = order.length - 1; at >= 0; --at) {
    const i = order[at], up = trie.parent[i];
    next[i] = first[up];
    first[up] = i;
  }
  return number(trie, {first, next}, of);
}

function number(trie, sums, of) {
  const n = trie.parent.length;
  const view = emptyView(n);
  const place = new Int32Array(n);
  let count = 0;
  for (let i = 0; ;) {
    const id = count++, up = place[trie.parent[i]];
    place[i] = id;
    view.name[id] = trie.key[i];
    view.parent[id] = up;
    view.depth[id] = id === 0 ? 0 : view.depth[up] + 1;
    if (sums.first[i] !== 0) { i = sums.first[i]; continue; }
    for (; ; i = trie.parent[i]) {
      view.end[place[i]] = count;
      if (i === 0) {
        view.of = of.map((to) => to < 0 ? -1 : place[to]);
        return view;
      }
      if (sums.next[i] !== 0) break;
    }
    i = sums.next[i];
  }
}

let rankOfName = null;
function ranks() {
  if (rankOfName) return rankOfName;
  const order = labels.map((_, i) => i).sort((a, b) => labels[a] < labels[b] ? -1 : labels[a] > labels[b] ? 1 : a - b);
  rankOfName = new Int32Array(labels.length);
  order.forEach((name, at) => { rankOfName[name] = at; });
  return rankOfName;
}

// Processes and threads that can be looked at alone: [index in base, label].
function parts() {
  const found = [];
  for (let i = 1; i < base.n; ++i) {
    if (isGroup(kinds[base.name[i]])) found.push([i, (kinds[base.name[i]] === 't' ? '\u2003' : '') + labels[base.name[i]]]);
  }
  return found;
}
